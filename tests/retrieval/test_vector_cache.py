"""Embeddings on disk, by content and model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.retrieval import vector_cache
from llama_index_rerank_tuner.retrieval.vector_cache import RememberingEncode


class Lengths:
    """Embeds a text as its length and a half; remembers what it was asked, and fails where told."""

    def __init__(self, dimensions: int = 2, fails_on: str | None = None) -> None:
        self.asked: list[list[str]] = []
        self.dimensions, self.fails_on = dimensions, fails_on

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.append(list(texts))
        if self.fails_on in texts:
            raise OSError("the model is gone")
        return np.array([[len(text), *[0.5] * (self.dimensions - 1)] for text in texts], dtype=np.float32)


def test_each_different_text_is_embedded_once_and_order_stays(tmp_path: Path) -> None:
    encode = Lengths()
    vectors = RememberingEncode(encode, "m", tmp_path)(["bb", "a", "bb", ""])
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[2, 0.5], [1, 0.5], [2, 0.5], [0, 0.5]]
    assert encode.asked == [["", "a", "bb"]]


def test_a_later_run_embeds_only_what_changed(tmp_path: Path) -> None:
    RememberingEncode(Lengths(), "m", tmp_path)(["税", "old"])
    encode = Lengths()
    assert RememberingEncode(encode, "m", tmp_path)(["税", "older"]).tolist() == [[1, 0.5], [5, 0.5]]
    assert encode.asked == [["older"]]


def test_another_model_embeds_again(tmp_path: Path) -> None:
    RememberingEncode(Lengths(), "a/m", tmp_path)(["x"])
    encode = Lengths(3)
    assert RememberingEncode(encode, "b/m", tmp_path)(["x"]).shape == (1, 3)
    assert encode.asked == [["x"]]


def test_a_model_saved_anew_in_its_directory_is_another_model(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"first")
    RememberingEncode(Lengths(), str(folder), tmp_path)(["x"])
    encode = Lengths()
    RememberingEncode(encode, str(folder), tmp_path)(["x"])
    assert encode.asked == []
    (folder / "model.safetensors").write_bytes(b"second")
    RememberingEncode(encode, str(folder), tmp_path)(["x"])
    assert encode.asked == [["x"]]


def test_a_kill_loses_only_the_portion_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_cache, "_AT_ONCE", 2)
    texts = ["a", "bb", "ccc", "dddd", "eeeee"]
    with pytest.raises(OSError, match="gone"):
        RememberingEncode(Lengths(fails_on="eeeee"), "m", tmp_path)(texts)
    encode = Lengths()
    assert RememberingEncode(encode, "m", tmp_path)(texts)[:, 0].tolist() == [1, 2, 3, 4, 5]
    assert encode.asked == [["eeeee"]]


def test_no_text_asks_nothing(tmp_path: Path) -> None:
    encode = Lengths()
    assert RememberingEncode(encode, "m", tmp_path)([]).shape == (0, 0)
    assert encode.asked == []


def test_vectors_of_two_lengths_under_one_name_are_refused(tmp_path: Path) -> None:
    RememberingEncode(Lengths(2), "m", tmp_path)(["a"])
    with pytest.raises(DataError, match="vectors of 2 numbers and of 3"):
        RememberingEncode(Lengths(3), "m", tmp_path)(["a", "b"])


@pytest.mark.parametrize("model", ["", " "])
def test_a_model_without_a_name_is_refused(model: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model is empty"):
        RememberingEncode(Lengths(), model, tmp_path)
