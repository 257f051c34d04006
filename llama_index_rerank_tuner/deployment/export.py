"""Converting a checkpoint to ONNX and to OpenVINO, where sentence-transformers' own backends look for them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.deployment.staging import staged
from llama_index_rerank_tuner.deployment.tracing import Traceable, first_line, quiet
from llama_index_rerank_tuner.errors import MissingExtraError, RerankTunerError
from llama_index_rerank_tuner.reranking.backends.converted import note_weights
from llama_index_rerank_tuner.reranking.backends.onnx_backend import OnnxBackend
from llama_index_rerank_tuner.reranking.backends.openvino_backend import OpenVinoBackend
from llama_index_rerank_tuner.reranking.fingerprint import model_fingerprint

ONNX_FILE, OPENVINO_FILE = "onnx/model.onnx", "openvino/openvino_model.xml"
OPSET = 18


def export_onnx(checkpoint: str | Path) -> Path:
    """Convert a checkpoint to ONNX in fp32, for batches of any size and length.

    The network is checked against torch on a few pairs before it is put in place, and appears whole or not at all.

    Args:
        checkpoint: Directory of a cross-encoder with a classification head.

    Returns:
        ``onnx/model.onnx`` in the checkpoint.

    Raises:
        CheckpointNotFoundError: There is no such checkpoint.
        ConfigError: Only torch computes its scores, as those of a causal model.
        MissingExtraError: ``onnx`` or ``onnxruntime`` is not installed.
        RerankTunerError: It could not be converted, or gives other logits than torch.
    """
    require("onnx", "onnx", "onnxruntime")
    model, destination = Traceable.load(checkpoint), Path(checkpoint) / ONNX_FILE
    with staged(destination) as folder:
        file = folder / destination.name
        _write_onnx(model, file)
        model.check_same(OnnxBackend(file))
        note_weights(file, model_fingerprint(checkpoint))
    return destination


def export_openvino(checkpoint: str | Path) -> Path:
    """Convert a checkpoint to OpenVINO, for batches of any size and length.

    The weights stay in fp32; bf16 is chosen when the file is loaded, so that one file serves both. It is checked and
    put in place as by ``export_onnx``.

    Args:
        checkpoint: Directory of a cross-encoder with a classification head.

    Returns:
        ``openvino/openvino_model.xml`` in the checkpoint; its weights lie beside it.

    Raises:
        CheckpointNotFoundError: There is no such checkpoint.
        ConfigError: Only torch computes its scores, as those of a causal model.
        MissingExtraError: ``openvino`` is not installed.
        RerankTunerError: It could not be converted, or gives other logits than torch.
    """
    require("openvino", "openvino")
    model, destination = Traceable.load(checkpoint), Path(checkpoint) / OPENVINO_FILE
    with staged(destination) as folder:
        file = folder / destination.name
        _write_openvino(model, file)
        model.check_same(OpenVinoBackend(file, "fp32"))
        note_weights(file, model_fingerprint(checkpoint))
    return destination


def require(extra: str, *modules: str) -> None:
    """Refuse to go on without the modules of an extra.

    Raises:
        MissingExtraError: One is not installed.
    """
    for module in modules:
        if find_spec(module) is None:
            raise MissingExtraError(f"Converting a model needs the module {module!r}.", extra)


def _write_onnx(model: Traceable, file: Path) -> None:
    """By tracing, whose graph can be quantized; else by torch.export, which knows other networks."""
    problems = []
    for exporter, dynamo in (("tracing", False), ("torch.export", True)):
        try:
            with quiet():
                _torch_onnx(model, file, dynamo)
            return _gather_weights(file)
        except Exception as error:  # exporters fail with errors of every kind
            problems.append(f"{exporter}: {first_line(error)}")
            for left in file.parent.iterdir():
                left.unlink()
    raise RerankTunerError(
        f"torch could not convert {model.architecture} to ONNX ({'; '.join(problems)}). Serve it with torch."
    )


def _torch_onnx(model: Traceable, file: Path, dynamo: bool) -> None:
    import torch

    axes = {0: "batch", 1: "length"}
    shapes: dict[str, Any] = {"dynamic_axes": {**dict.fromkeys(model.inputs, axes), "logits": {0: "batch"}}}
    if dynamo:
        columns = {axis: torch.export.Dim(name) for axis, name in axes.items()}
        shapes = {"dynamic_shapes": (tuple(columns for _ in model.inputs),), "verbose": False, "external_data": False}
    with torch.no_grad():
        torch.onnx.export(
            model.network,
            tuple(model.example.values()),
            str(file),
            dynamo=dynamo,
            opset_version=OPSET,
            input_names=list(model.inputs),
            output_names=["logits"],
            **shapes,
        )


def _gather_weights(file: Path) -> None:
    """Put the weights of a model over 2 GB, which lie in many files beside the graph, in one with a known name."""
    import onnx

    others = [each for each in file.parent.iterdir() if each != file]
    if not others:
        return
    model = onnx.load(file)
    for each in (*others, file):
        each.unlink()
    onnx.save_model(model, file, save_as_external_data=True, location=f"{file.name}_data")


def _write_openvino(model: Traceable, file: Path) -> None:
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    # openvino.convert_model does the same and reports it to its maker over the network.
    try:
        with quiet():
            traced = TorchScriptPythonDecoder(model.network, example_input=tuple(model.example.values()))
            frontend = FrontEndManager().load_by_framework("pytorch")
            converted = frontend.convert(frontend.load(traced))
    except Exception as error:  # converters fail with errors of every kind
        raise RerankTunerError(
            f"OpenVINO could not convert {model.architecture} ({first_line(error)}). Serve it with torch."
        ) from error
    for port, name in zip(converted.inputs, model.inputs, strict=True):
        port.get_tensor().set_names({name})
    converted.outputs[0].get_tensor().set_names({"logits"})
    openvino.save_model(converted, file, compress_to_fp16=False)
