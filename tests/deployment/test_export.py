"""Conversion: the same logits as torch for any batch, files where others look for them, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sentence_transformers.backend.utils import backend_should_export

from llama_index_rerank_tuner.deployment import export, export_onnx, export_openvino, quantize_onnx
from llama_index_rerank_tuner.deployment.export import require
from llama_index_rerank_tuner.deployment.staging import staged
from llama_index_rerank_tuner.errors import CheckpointNotFoundError, ConfigError, MissingExtraError, RerankTunerError
from llama_index_rerank_tuner.reranking.backends.batched import BatchedScorer
from llama_index_rerank_tuner.reranking.backends.choosing import load_scorer
from llama_index_rerank_tuner.reranking.backends.converted import INT8_FILES, cpu_kind
from llama_index_rerank_tuner.reranking.backends.onnx_backend import OnnxBackend
from llama_index_rerank_tuner.reranking.backends.openvino_backend import OpenVinoBackend
from llama_index_rerank_tuner.reranking.backends.protocol import Backend
from llama_index_rerank_tuner.reranking.backends.tokenizing import PairTokenizer
from tests.conftest import WORDS
from tests.training.tiny_architectures import build

BATCHES = (
    [("who may apply", "the form")],
    [("what is the fee", " ".join(WORDS * 4)), ("cat", "dog"), ("", "")],
    [(word, f"{word} rule of the city") for word in WORDS[:20]],
)


def spread_out(architecture: str, folder: Path) -> str:
    """A tiny model whose logits lie far apart: weights as drawn by default give all pairs nearly the same."""
    checkpoint = build(architecture, folder)
    weights = load_file(folder / "model.safetensors")
    larger = {name: value * 8 if value.ndim == 2 else value for name, value in weights.items()}
    save_file(larger, folder / "model.safetensors", metadata={"format": "pt"})
    return checkpoint


def scores(checkpoint: str, backend: Backend) -> list[NDArray[np.float64]]:
    scorer = BatchedScorer(backend, PairTokenizer.of_checkpoint(checkpoint), checkpoint)
    return [scorer(pairs) for pairs in BATCHES]


def torch_scores(checkpoint: str) -> list[NDArray[np.float64]]:
    scorer = load_scorer(checkpoint, "torch", "fp32", device="cpu")
    return [scorer(pairs) for pairs in BATCHES]


def largest_difference(some: list[NDArray[np.float64]], others: list[NDArray[np.float64]]) -> float:
    return max(float(np.abs(one - other).max()) for one, other in zip(some, others, strict=True))


def leftovers(checkpoint: Path) -> list[str]:
    return [each.name for each in checkpoint.iterdir() if each.name.startswith(".")]


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta"])
def test_onnx_gives_torch_s_logits_for_any_batch_and_length(architecture: str, tmp_path: Path) -> None:
    checkpoint = spread_out(architecture, tmp_path / "model")
    file = export_onnx(checkpoint)
    assert file == tmp_path / "model" / "onnx" / "model.onnx"
    assert largest_difference(scores(checkpoint, OnnxBackend(file)), torch_scores(checkpoint)) < 1e-5
    assert leftovers(tmp_path / "model") == []


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["modernbert", "deberta", "deberta-v2"])
def test_other_architectures_convert_too(architecture: str, tmp_path: Path) -> None:
    checkpoint = spread_out(architecture, tmp_path / "model")
    expected = torch_scores(checkpoint)
    assert largest_difference(scores(checkpoint, OnnxBackend(export_onnx(checkpoint))), expected) < 1e-5
    assert largest_difference(scores(checkpoint, OpenVinoBackend(export_openvino(checkpoint), "fp32")), expected) < 1e-4


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta"])
def test_openvino_gives_torch_s_logits_for_any_batch_and_length(architecture: str, tmp_path: Path) -> None:
    checkpoint = spread_out(architecture, tmp_path / "model")
    file = export_openvino(checkpoint)
    assert file == tmp_path / "model" / "openvino" / "openvino_model.xml"
    assert file.with_suffix(".bin").is_file()
    assert largest_difference(scores(checkpoint, OpenVinoBackend(file, "fp32")), torch_scores(checkpoint)) < 1e-4


def test_sentence_transformers_finds_the_onnx_file(tmp_path: Path) -> None:
    checkpoint = build("bert", tmp_path / "model")
    quantize_onnx(checkpoint)
    should_export, settings = backend_should_export(Path(checkpoint), True, {}, "model.onnx", "*.onnx", "ONNX")
    assert not should_export
    assert settings == {"subfolder": "onnx", "file_name": "model.onnx"}


@pytest.mark.parametrize("per_channel", [False, True])
def test_int8_ranks_nearly_as_torch_does_and_stands_under_its_name(per_channel: bool, tmp_path: Path) -> None:
    checkpoint = spread_out("bert", tmp_path / "model")
    source = export_onnx(checkpoint)
    file = quantize_onnx(checkpoint, source, per_channel=per_channel)
    assert file == tmp_path / "model" / INT8_FILES[cpu_kind()]
    assert file.stat().st_size < source.stat().st_size
    quantized, exact = scores(checkpoint, OnnxBackend(file, "int8"))[2], torch_scores(checkpoint)[2]
    assert np.abs(quantized - exact).max() > 1e-7
    assert np.corrcoef(quantized, exact)[0, 1] > 0.9


def test_the_int8_network_of_another_kind_of_cpu_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = build("bert", tmp_path / "model")
    source = export_onnx(checkpoint)
    monkeypatch.setattr("llama_index_rerank_tuner.deployment.quantize.cpu_kind", lambda: "other")
    quantize_onnx(checkpoint, source)
    assert sorted(each.name for each in source.parent.glob("*.onnx")) == ["model.onnx", "model_quint8_avx2.onnx"]
    monkeypatch.setattr("llama_index_rerank_tuner.deployment.quantize.cpu_kind", lambda: "vnni")
    quantize_onnx(checkpoint, source)
    assert sorted(each.name for each in source.parent.glob("*.onnx")) == ["model.onnx", "model_qint8_avx512_vnni.onnx"]
    assert len(list(source.parent.glob("*.made_from.json"))) == 2


def test_a_causal_model_is_refused_with_the_reason(tmp_path: Path) -> None:
    checkpoint = build("yes-no", tmp_path / "model")
    for convert in (export_onnx, export_openvino, quantize_onnx):
        with pytest.raises(ConfigError, match="Qwen3ForCausalLM"):
            convert(checkpoint)
    assert not (tmp_path / "model" / "onnx").exists()


def test_no_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError):
        export_onnx(tmp_path / "nowhere")


def test_a_missing_module_names_its_extra() -> None:
    with pytest.raises(MissingExtraError, match=r"llama-index-rerank-tuner\[onnx\]"):
        require("onnx", "no_such_module")


def test_an_interrupted_export_leaves_nothing_of_it(tiny_cross_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(model: object, file: Path) -> None:
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "_write_onnx", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_onnx(tiny_cross_encoder)
    assert leftovers(Path(tiny_cross_encoder)) == []
    assert not (Path(tiny_cross_encoder) / "onnx").exists()


def test_a_converted_network_with_other_logits_is_not_put_in_place(
    tiny_cross_encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = OnnxBackend.logits
    monkeypatch.setattr(OnnxBackend, "logits", lambda self, features: whole(self, features) + 0.01)
    with pytest.raises(RerankTunerError, match=r"logits that are 0\.01 from torch's for 2 pairs"):
        export_onnx(tiny_cross_encoder)
    assert not (Path(tiny_cross_encoder) / "onnx").exists()


def test_when_tracing_fails_torch_export_is_tried_and_both_reasons_are_told(
    tiny_cross_encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(model: object, file: Path, dynamo: bool) -> None:
        file.write_bytes(b"half")
        raise ValueError(f"dynamo={dynamo}\nand a long tail")

    monkeypatch.setattr(export, "_torch_onnx", failing)
    expected = r"\(tracing: ValueError: dynamo=False; torch.export: ValueError: dynamo=True\)"
    with pytest.raises(RerankTunerError, match=expected):
        export_onnx(tiny_cross_encoder)


def test_an_older_file_stays_when_a_new_one_fails_and_leftovers_are_cleared(tmp_path: Path) -> None:
    model = tmp_path / "onnx" / "model.onnx"
    with staged(model) as folder:
        (folder / "model.onnx").write_bytes(b"old")
    with pytest.raises(IsADirectoryError), staged(model) as folder:
        folder.write_bytes(b"fails: a folder takes no bytes")
    assert model.read_bytes() == b"old"
    (tmp_path / ".onnx-unfinished").mkdir()
    (tmp_path / ".onnx-unfinished" / "rest").write_bytes(b"of a killed process")
    with staged(model) as folder:
        assert list(folder.iterdir()) == []
        (folder / "model.onnx").write_bytes(b"new")
        (folder / "model.onnx_data").write_bytes(b"weights")
    assert model.read_bytes() == b"new"
    assert sorted(each.name for each in model.parent.iterdir()) == ["model.onnx", "model.onnx_data"]
