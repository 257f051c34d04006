"""The best of many scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.retrieval.top_k import lower_bound, top_k


@given(st.lists(st.sampled_from([-2.0, -0.5, 0.0, 0.5, 1.0, 3.0]), max_size=30), st.integers(1, 12))
def test_few_scores_are_ranked_with_ties_by_position(values: list[float], k: int) -> None:
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))
    assert top_k(np.array(values), k).tolist() == expected[:k]
    assert top_k(np.array(values), k, above=0.0).tolist() == [i for i in expected if values[i] > 0][:k]


@pytest.mark.parametrize("size", [2047, 2048, 2049, 20_000])
@pytest.mark.parametrize("k", [1, 10, 300, 3000])
@pytest.mark.parametrize("different", [2, 50, 10**9])
def test_many_scores_are_ranked_with_ties_by_position(size: int, k: int, different: int) -> None:
    scores = np.random.default_rng(size + k).integers(0, different, size).astype(np.float64)
    expected = np.argsort(-scores, kind="stable")
    assert top_k(scores, k).tolist() == expected[:k].tolist()
    assert top_k(scores, k, above=0.0).tolist() == [i for i in expected[:k].tolist() if scores[i] > 0]


def test_a_score_of_minus_infinity_is_no_hit() -> None:
    assert top_k(np.array([-np.inf, 1.0, -np.inf]), 3).tolist() == [1]


@pytest.mark.parametrize("size", [5, 100, 5000, 50_000])
def test_the_bound_is_reached_by_k_scores_of_every_row_and_not_by_many_more(size: int) -> None:
    rows = np.random.default_rng(0).random((3, size))
    bounds = lower_bound(rows, 10)
    assert bounds.shape == (3,)
    assert bounds.tolist() == [lower_bound(row, 10) for row in rows]
    reached = (rows >= bounds[:, None]).sum(axis=1)
    assert (reached >= min(10, size)).all()
    assert (reached <= 20).all()


def test_no_more_scores_than_asked_for_have_no_bound() -> None:
    assert lower_bound(np.array([1.0, 2.0]), 2) == -np.inf
