"""Exact neighbours, whatever the blocks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from llama_index_rerank_tuner.retrieval.nearest import nearest


def _unit(rows: int, dimensions: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(rows, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _naive(queries: NDArray[np.float32], vectors: NDArray[np.float32], k: int) -> tuple[list[list[int]], NDArray]:  # type: ignore[type-arg]
    products = (queries.astype(np.float64)[:, None, :] * vectors.astype(np.float64)).sum(axis=2).astype(np.float32)
    ids = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return ids.tolist(), np.take_along_axis(products, ids, axis=1)


@pytest.mark.parametrize("blocks", [(256, 16_384), (1, 1), (3, 7), (7, 100), (5, 2500)])
@pytest.mark.parametrize("k", [1, 10, 60])
def test_neighbours_are_those_of_one_naive_product(blocks: tuple[int, int], k: int) -> None:
    queries, vectors = _unit(9, 24, seed=1), _unit(400, 24, seed=2)
    vectors = np.concatenate((vectors, vectors[100:300]))
    ids, scores = _naive(queries, vectors, k)
    found = nearest(queries, vectors, k, *blocks)
    assert found.ids.tolist() == ids
    np.testing.assert_array_equal(found.scores, scores)
    assert (found.ids.dtype, found.scores.dtype) == (np.int32, np.float32)


def test_many_vectors_are_searched_through_stripes() -> None:
    queries, vectors = _unit(4, 16, seed=3), _unit(9000, 16, seed=4)
    ids, _ = _naive(queries, vectors, 20)
    assert nearest(queries, vectors, 20, nodes_at_once=4000).ids.tolist() == ids


def test_equal_vectors_score_equal_and_stand_in_order_wherever_they_lie() -> None:
    vectors = np.repeat(_unit(1, 33, seed=5), 1000, axis=0)
    found = nearest(_unit(3, 33, seed=6), vectors, 5, queries_at_once=2, nodes_at_once=301)
    assert found.ids.tolist() == [[0, 1, 2, 3, 4]] * 3
    assert all(len(set(scores)) == 1 for scores in found.scores.tolist())


def test_a_query_finds_the_same_alone_as_among_others() -> None:
    queries, vectors = _unit(50, 48, seed=7), _unit(3000, 48, seed=8)
    together = nearest(queries, vectors, 10)
    for row in range(0, 50, 7):
        alone = nearest(queries[row : row + 1], vectors, 10)
        assert alone.ids[0].tolist() == together.ids[row].tolist()
        assert alone.scores[0].tolist() == together.scores[row].tolist()


def test_fewer_vectors_than_asked_for_leave_room() -> None:
    found = nearest(_unit(2, 4, seed=9), _unit(1, 4, seed=10), 3)
    assert found.ids.tolist() == [[0, -1, -1]] * 2
    assert found.scores[:, 1:].tolist() == [[-np.inf, -np.inf]] * 2


def test_zero_vectors_are_found_last_but_found() -> None:
    vectors = np.array([[0, 0], [1, 0], [0, 0]], dtype=np.float32)
    found = nearest(vectors[1:2], vectors, 3)
    assert found.ids.tolist() == [[1, 0, 2]]
    assert found.scores.tolist() == [[1.0, 0.0, 0.0]]


def test_no_query_gives_arrays_without_rows() -> None:
    assert nearest(np.zeros((0, 2), dtype=np.float32), np.ones((3, 2), dtype=np.float32), 2).ids.shape == (0, 2)
