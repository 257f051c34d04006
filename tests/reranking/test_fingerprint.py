"""The fingerprint of a model."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from llama_index_rerank_tuner.errors import CheckpointNotFoundError
from llama_index_rerank_tuner.reranking import fingerprint
from llama_index_rerank_tuner.reranking.fingerprint import file_fingerprint, model_fingerprint
from llama_index_rerank_tuner.text import TextContract


def _change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def _age(folder: Path) -> None:
    """As if the files had been written an hour ago."""
    for each in folder.iterdir():
        os.utime(each, (each.stat().st_atime - 3600, each.stat().st_mtime - 3600))


def test_a_copy_has_the_same_fingerprint(tiny_cross_encoder: str, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_cross_encoder, tmp_path / "copy")
    assert model_fingerprint(copy) == model_fingerprint(tiny_cross_encoder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("aged", [False, True])
def test_one_bit_of_the_model_changes_it(tiny_cross_encoder: str, name: str, aged: bool) -> None:
    folder = Path(tiny_cross_encoder)
    if aged:
        _age(folder)
    before = model_fingerprint(folder)
    _change(folder / name)
    assert model_fingerprint(folder) != before


def test_a_file_more_or_under_another_name_changes_it(tiny_cross_encoder: str) -> None:
    folder = Path(tiny_cross_encoder)
    seen = {model_fingerprint(folder)}
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "model.safetensors").write_bytes(b"dense")
    seen.add(model_fingerprint(folder))
    (folder / "2_Dense").rename(folder / "3_Dense")
    seen.add(model_fingerprint(folder))
    assert len(seen) == 3


def test_what_lies_beside_the_model_does_not_change_it(tiny_cross_encoder: str) -> None:
    folder = Path(tiny_cross_encoder)
    before = model_fingerprint(folder)
    TextContract().save(folder)
    for name in (
        "calibration.json",
        "mix.json",
        "variants.json",
        "training_report.json",
        "verdict.json",
        "README.md",
        "base/model.safetensors",
        "base/config.json",
        "onnx/model.onnx",
        "onnx/config.json",
        "openvino/openvino_model.bin",
        "last/model.safetensors",
        "checkpoint-20/model.safetensors",
        "checkpoint-20/optimizer.pt",
        ".cache/huggingface/download.json",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    assert model_fingerprint(folder) == before


def test_a_file_is_read_once_until_it_changes(tiny_cross_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, read = Path(tiny_cross_encoder), []
    real = fingerprint.hashlib.file_digest

    def counted(stream: object, digest: object) -> object:
        read.append(stream)
        return real(stream, digest)  # type: ignore[arg-type,type-var]

    monkeypatch.setattr(fingerprint.hashlib, "file_digest", counted)
    _age(folder)
    first = model_fingerprint(folder)
    files = len(read)
    assert files >= 4
    assert model_fingerprint(folder) == first
    assert len(read) == files
    _change(folder / "model.safetensors")
    model_fingerprint(folder)
    assert len(read) == files + 1


def test_a_file_that_was_just_written_is_read_again(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"one")
    written, before = weights.stat(), file_fingerprint(weights)
    weights.write_bytes(b"two")
    os.utime(weights, ns=(written.st_atime_ns, written.st_mtime_ns))
    assert file_fingerprint(weights) != before


def test_a_file_put_back_with_its_old_time_is_read_again(tmp_path: Path) -> None:
    weights, seen = tmp_path / "model.safetensors", set()
    for content in (b"one", b"two"):
        weights.write_bytes(content)
        os.utime(weights, ns=(0, 10**18))
        seen.add(file_fingerprint(weights))
        # The time of the last change, which nobody can set, ticks every few milliseconds.
        time.sleep(0.05)
    assert len(seen) == 2


def test_the_copy_of_minilm_goes_by_its_name(minilm: str) -> None:
    assert model_fingerprint("all-MiniLM-L6-v2") == model_fingerprint(minilm)


def test_a_hub_id_goes_by_its_files_in_the_local_cache(
    tiny_cross_encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--shop--reranker"
    shutil.copytree(tiny_cross_encoder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert model_fingerprint("shop/reranker") == model_fingerprint(tiny_cross_encoder)
    assert model_fingerprint("shop/reranker", revision=commit) == model_fingerprint(tiny_cross_encoder)


@pytest.mark.parametrize("name", ["shop/never-loaded", "not a hub id", "./no-such-folder"])
def test_a_model_that_is_not_here_is_an_error(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointNotFoundError, match="No model at"):
        model_fingerprint(name)


def test_a_folder_without_weights_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointNotFoundError, match=r"holds no weights \(\.bin, \.pt, \.pth, \.safetensors\)"):
        model_fingerprint(tmp_path)
