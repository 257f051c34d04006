"""Dynamic int8: the weights as bytes, the activations turned into bytes on the way."""

from __future__ import annotations

import logging
from pathlib import Path

from llama_index_rerank_tuner.deployment.export import export_onnx, require
from llama_index_rerank_tuner.deployment.staging import staged
from llama_index_rerank_tuner.deployment.tracing import first_line
from llama_index_rerank_tuner.errors import RerankTunerError
from llama_index_rerank_tuner.reranking.backends.converted import INT8_FILES, cpu_kind, note_weights, take_away
from llama_index_rerank_tuner.reranking.backends.onnx_backend import OnnxBackend
from llama_index_rerank_tuner.reranking.fingerprint import model_fingerprint

_LIMIT = 1_900_000_000
"""Bytes near which a graph must keep its weights beside it (2 GB, the most that protobuf holds)."""


def quantize_onnx(checkpoint: str | Path, source: Path | None = None, *, per_channel: bool = True) -> Path:
    """Quantize a checkpoint's ONNX network to dynamic int8.

    The file appears whole or not at all. It gives other scores than fp32: whether it ranks as well is for ``optimise``
    to find.

    Args:
        checkpoint: Directory of a cross-encoder with a classification head.
        source: What ``export_onnx`` made of the same weights; None exports them anew.
        per_channel: A scale for each output of a layer, which keeps the order better than one for the whole layer.

    Returns:
        The file in the checkpoint, named for this machine's kind of CPU (``INT8_FILES``); that of another kind is
        taken away. Serve it on this kind.

    Raises:
        CheckpointNotFoundError: There is no such checkpoint.
        ConfigError: Only torch computes its scores, as those of a causal model.
        MissingExtraError: ``onnx`` or ``onnxruntime`` is not installed.
        RerankTunerError: It could not be converted or quantized.
    """
    require("onnx", "onnx", "onnxruntime")
    source = export_onnx(checkpoint) if source is None else source
    kind = cpu_kind()
    destination = Path(checkpoint) / INT8_FILES[kind]
    with staged(destination) as folder:
        file = folder / destination.name
        _quantize(source, file, per_channel, signed=kind != "other")
        OnnxBackend(file, "int8")
        note_weights(file, model_fingerprint(checkpoint))
    for other in INT8_FILES.values():
        if other != INT8_FILES[kind]:
            take_away(Path(checkpoint) / other)
    return destination


def _quantize(source: Path, file: Path, per_channel: bool, signed: bool) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    level = root.level
    try:
        root.setLevel(logging.ERROR)  # it advises a preparation that dynamic quantization does not need
        quantize_dynamic(
            source,
            file,
            per_channel=per_channel,
            weight_type=QuantType.QInt8 if signed else QuantType.QUInt8,
            use_external_data_format=_size(source) > _LIMIT,
        )
    except Exception as error:  # its errors share no base but Exception
        raise RerankTunerError(f"{source} could not be quantized ({first_line(error)}). Serve it in fp32.") from error
    finally:
        root.setLevel(level)


def _size(source: Path) -> int:
    beside = source.with_name(f"{source.name}_data")
    return source.stat().st_size + (beside.stat().st_size if beside.is_file() else 0)
