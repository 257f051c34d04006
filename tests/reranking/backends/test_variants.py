"""The record of variants: written, read back, and asked for the fastest that may be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.reranking.backends import Variant, Variants, variants


def variant(
    backend: str, speed: float, passed: bool = True, precision: str = "fp32", file: str | None = None
) -> Variant:
    return Variant(backend, precision, file, passed, "why.", {"pairs_per_second": speed})


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    written = Variants("ab12", (variant("torch", 4.0), variant("onnx", 9.5, file="onnx/model.onnx")))
    written.save(tmp_path)
    assert Variants.load(tmp_path) == written


def test_none_where_there_is_no_record(tmp_path: Path) -> None:
    assert Variants.load(tmp_path) is None


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"fingerprint": "a", "variants": [{"backend": "onnx"}]}'])
def test_what_is_no_record_is_named_with_the_fix(content: str, tmp_path: Path) -> None:
    (tmp_path / "variants.json").write_text(content)
    with pytest.raises(DataError, match=r"variants\.json: not a record of variants.*rerank-tuner export"):
        Variants.load(tmp_path)


def test_the_fastest_passed_is_installed_and_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.onnx", "b.xml"):
        (tmp_path / name).touch()
    torch32, slow = variant("torch", 1), variant("onnx", 2, file="a.onnx")
    failed = variant("onnx", 9, passed=False, precision="int8", file="a.onnx")
    missing = variant("onnx", 8, precision="int8", file="gone.onnx")
    absent = variant("openvino", 7, file="b.xml")
    every = Variants("f", (torch32, failed, missing, absent, slow))
    assert every.fastest(tmp_path) == absent
    monkeypatch.setitem(variants.MODULES, "openvino", "no_such_module")
    assert every.fastest(tmp_path) == slow
    assert every.fastest(tmp_path, "torch") == torch32
    assert every.fastest(tmp_path, "openvino") is None
    assert every.find("onnx", "int8") == failed
    assert every.find("onnx", "bf16") is None
