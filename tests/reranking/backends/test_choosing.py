"""Which backend serves a checkpoint, and the sentence that says why."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llama_index_rerank_tuner.errors import (
    CheckpointNotFoundError,
    ConfigError,
    MissingExtraError,
    RerankTunerWarning,
)
from llama_index_rerank_tuner.reranking.backends import Variant, Variants, choose, load_scorer, onnx_backend
from llama_index_rerank_tuner.reranking.backends.onnx_backend import OnnxBackend
from llama_index_rerank_tuner.reranking.backends.openvino_backend import OpenVinoBackend
from llama_index_rerank_tuner.reranking.fingerprint import model_fingerprint

ONNX = Variant("onnx", "fp32", "onnx/model.onnx", True, "exact.", {"pairs_per_second": 80.0})
INT8 = Variant("onnx", "int8", "onnx/model_quint8_avx2.onnx", False, "lost 0.02 nDCG@10.", {"pairs_per_second": 99.0})
OPENVINO = Variant("openvino", "bf16", "openvino/openvino_model.xml", True, "lost 0.001.", {"pairs_per_second": 90.0})
TORCH = Variant("torch", "fp32", None, True, "the reference", {"pairs_per_second": 40.0})


def recorded(path: str, *variants: Variant, fingerprint: str | None = None) -> str:
    Variants(fingerprint or model_fingerprint(path), variants).save(path)
    return path


def test_auto_takes_the_fastest_that_passed(own_exported_bert: str) -> None:
    scorer = load_scorer(recorded(own_exported_bert, TORCH, ONNX, INT8, OPENVINO), device="cpu")
    assert scorer.backend.name == "openvino bf16"
    assert scorer.why == (
        "openvino bf16 is the fastest installed variant that passed, 90 pairs a second when measured (lost 0.001)"
    )


def test_auto_may_find_torch_the_fastest(own_exported_bert: str) -> None:
    slow = Variant("onnx", "fp32", "onnx/model.onnx", True, "exact", {"pairs_per_second": 3.0})
    assert load_scorer(recorded(own_exported_bert, slow, TORCH), device="cpu").backend.name == "torch fp32"


def test_auto_of_a_precision(own_exported_bert: str) -> None:
    path = recorded(own_exported_bert, TORCH, ONNX, INT8, OPENVINO)
    assert choose(path, precision="fp32", device="cpu").backend == "onnx"
    with pytest.raises(ConfigError, match=r"No int8 variant.*onnx int8: lost 0.02 nDCG@10"):
        choose(path, precision="int8", device="cpu")


def test_auto_without_a_record_is_torch(own_exported_bert: str) -> None:
    choice = choose(own_exported_bert, device="cpu")
    assert (choice.backend, choice.precision) == ("torch", None)
    assert "no faster variant was exported (rerank-tuner export makes and checks them)" in choice.why


def test_auto_says_why_no_variant_is_used(own_exported_bert: str) -> None:
    shutil.rmtree(Path(own_exported_bert) / "openvino")
    choice = choose(recorded(own_exported_bert, INT8, OPENVINO), device="cpu")
    assert choice.backend == "torch"
    assert "onnx int8: lost 0.02 nDCG@10; openvino bf16: " in choice.why
    assert "openvino_model.xml is missing" in choice.why


def test_variants_of_other_weights_are_not_used(own_exported_bert: str) -> None:
    path = recorded(own_exported_bert, ONNX, fingerprint="of other weights")
    with pytest.warns(RerankTunerWarning, match="variants.json is of other weights than the checkpoint's; export"):
        assert choose(path, device="cpu").backend == "torch"
    with pytest.raises(ConfigError, match=r"made from other weights\. Make them again with: rerank-tuner export"):
        choose(path, "onnx", device="cpu")


def test_a_network_of_other_weights_is_not_served_whatever_the_record_says(own_exported_bert: str) -> None:
    weights = Path(own_exported_bert) / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    for path in (own_exported_bert, recorded(own_exported_bert, TORCH), recorded(own_exported_bert, TORCH, ONNX)):
        with pytest.raises(ConfigError, match=r"model\.onnx was made from other weights than the checkpoint's"):
            choose(path, "onnx", device="cpu")
    assert choose(own_exported_bert, device="cpu").backend == "torch"


def test_a_network_that_could_not_be_made_is_not_replaced_by_an_older_file(own_exported_bert: str) -> None:
    failed = Variant("onnx", "fp32", None, False, "failed: no such operator")
    with pytest.raises(ConfigError, match=r"onnx fp32 of .* is not to be had: failed: no such operator"):
        choose(recorded(own_exported_bert, TORCH, failed), "onnx", device="cpu")


def test_int8_that_was_checked_on_another_kind_of_cpu_is_passed_over(own_exported_bert: str) -> None:
    checked = Variant("onnx", "int8", "onnx/model.onnx", True, "lost 0.001", {"pairs_per_second": 99.0, "cpu": "z80"})
    choice = choose(recorded(own_exported_bert, checked), device="cpu")
    assert choice.backend == "torch"
    assert "onnx int8: checked on another kind of CPU (z80)" in choice.why
    with pytest.warns(RerankTunerWarning, match="onnx int8 was asked for and did not pass: checked on another kind"):
        choose(own_exported_bert, "onnx", "int8", device="cpu")


@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_torch_in_a_refused_precision_serves_when_told_and_says_so(backend: str, own_exported_bert: str) -> None:
    refused = Variant("torch", "bf16", None, False, "lost 0.1 nDCG@10")
    path = recorded(own_exported_bert, TORCH, refused)
    with pytest.warns(RerankTunerWarning, match="torch bf16 was asked for and did not pass: lost 0.1 nDCG@10"):
        choice = choose(path, backend, "bf16", device="cpu")
    assert (choice.backend, choice.precision) == ("torch", "bf16")


@pytest.mark.parametrize("settings", [{"device": "cuda"}, {"device": "cpu", "only_torch": True}])
def test_what_only_torch_can_do_takes_torch(settings: dict[str, object], own_exported_bert: str) -> None:
    path = recorded(own_exported_bert, ONNX)
    assert choose(path, **settings).backend == "torch"  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="torch"):
        choose(path, "onnx", **settings)  # type: ignore[arg-type]


def test_a_variant_that_failed_is_used_when_told(own_exported_bert: str) -> None:
    path = recorded(own_exported_bert, ONNX, INT8)
    shutil.copy(Path(path) / "onnx" / "model.onnx", Path(path) / "onnx" / "model_quint8_avx2.onnx")
    with pytest.warns(RerankTunerWarning, match="onnx int8 was asked for and did not pass: lost 0.02 nDCG@10"):
        choice = choose(path, "onnx", "int8", device="cpu")
    assert choice.file == Path(path) / "onnx" / "model_quint8_avx2.onnx"
    assert choose(path, "onnx", device="cpu").precision == "fp32"


def test_a_file_without_a_record_can_be_asked_for(own_exported_bert: str) -> None:
    assert choose(own_exported_bert, "onnx", device="cpu").file == Path(own_exported_bert) / "onnx" / "model.onnx"
    assert choose(own_exported_bert, "openvino", "bf16", device="cpu").precision == "bf16"


def test_bad_names_and_missing_files_are_refused(tiny_cross_encoder: str) -> None:
    with pytest.raises(ConfigError, match="backend must be one of auto, torch, onnx, openvino; got 'tensorrt'"):
        choose(tiny_cross_encoder, "tensorrt")
    with pytest.raises(ConfigError, match="precision must be one of fp32, bf16, fp16, int8; got 'int4'"):
        choose(tiny_cross_encoder, precision="int4")
    with pytest.raises(ConfigError, match="backend='onnx' computes in fp32, int8; got precision='bf16'"):
        choose(tiny_cross_encoder, "onnx", "bf16", device="cpu")
    with pytest.raises(CheckpointNotFoundError, match=r"has no onnx/model\.onnx. Make it with: rerank-tuner export"):
        choose(tiny_cross_encoder, "onnx", device="cpu")
    with pytest.raises(CheckpointNotFoundError, match="needs a checkpoint folder with an exported network"):
        choose("BAAI/bge-reranker-base", "openvino", device="cpu")
    with pytest.raises(ConfigError, match="torch computes in fp32, bf16, fp16; got precision='int8'"):
        load_scorer(tiny_cross_encoder, "torch", "int8", device="cpu")


@pytest.mark.parametrize("backend", [OnnxBackend, OpenVinoBackend])
def test_a_file_that_is_no_network_is_named(backend: type, tmp_path: Path) -> None:
    (tmp_path / "model.xml").write_text("no network")
    with pytest.raises(ConfigError, match=r"model\.xml is no network .* Export it again"):
        backend(tmp_path / "model.xml")
    with pytest.raises(CheckpointNotFoundError, match="Make it with: rerank-tuner export"):
        backend(tmp_path / "gone.xml")


@pytest.mark.parametrize(("backend", "module"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_a_missing_extra_is_named(
    backend: str, module: str, own_exported_bert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'llama-index-rerank-tuner\[{backend}\]'"):
        load_scorer(own_exported_bert, backend, device="cpu")


def test_threads_follow_torch_and_the_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from llama_index_rerank_tuner.reranking.backends import threads

    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0, 1, 2})
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert onnx_backend.compute_threads() == 2
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    assert onnx_backend.compute_threads() == 3
