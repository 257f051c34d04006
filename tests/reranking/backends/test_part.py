"""Some of many tokenized pairs: rows chosen, columns of mere padding left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from llama_index_rerank_tuner.reranking.backends.part import part_of

MASK = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]]
IDS = [[1, 2, 3, 4], [5, 6, 0, 0], [0, 0, 7, 8]]


@pytest.mark.parametrize("make", [np.array, torch.tensor])
@pytest.mark.parametrize(
    ("rows", "expected"),
    [([1], [[5, 6]]), ([2], [[7, 8]]), ([2, 1], [[0, 0, 7, 8], [5, 6, 0, 0]]), ([0], [[1, 2, 3, 4]])],
)
def test_rows_without_padding_columns(make: Any, rows: list[int], expected: list[list[int]]) -> None:
    part = part_of({"input_ids": make(IDS), "attention_mask": make(MASK)}, rows)
    assert part["input_ids"].tolist() == expected
    assert part["attention_mask"].shape == part["input_ids"].shape


def test_what_is_no_column_stays() -> None:
    part = part_of({"attention_mask": np.array(MASK), "logits_to_keep": 1, "image": np.zeros(5)}, [1])
    assert (part["logits_to_keep"], part["image"].shape) == (1, (5,))


def test_pairs_of_nothing_keep_one_column() -> None:
    empty = np.zeros((2, 3), dtype=np.int64)
    assert part_of({"attention_mask": empty}, [0, 1])["attention_mask"].shape == (2, 1)
