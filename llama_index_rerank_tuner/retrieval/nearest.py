"""Exact nearest neighbours by blocks of matrix products."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.retrieval.top_k import TopK, lower_bound

QUERIES_AT_ONCE, NODES_AT_ONCE = 256, 16_384
"""A block of products takes 16 MiB."""


def nearest(
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    k: int,
    queries_at_once: int = QUERIES_AT_ONCE,
    nodes_at_once: int = NODES_AT_ONCE,
) -> TopK:
    """The ``k`` vectors of highest inner product with each query, ties in the order of the vectors.

    A fast matrix product rounds the same pair of vectors differently at different places of a block. So it only says
    which vectors may be among the best; those few are multiplied again in double precision. What is found, and with
    which score, therefore depends neither on the blocks nor on the other queries of a batch.

    Args:
        queries: Shape ``(n, dimensions)``.
        vectors: Shape ``(m, dimensions)``.
        k: At least 1.
        queries_at_once: Rows of a block.
        nodes_at_once: Columns of a block.

    Returns:
        Positions in ``vectors`` and float32 inner products, both of shape ``(n, k)``.

    Example:
        >>> vectors = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
        >>> nearest(vectors[:1], vectors, k=2).ids.tolist()
        [[0, 2]]
    """
    found = TopK.nothing(len(queries), k, np.float32)
    slack = _rounding(queries, vectors)
    for top in range(0, len(queries), queries_at_once):
        rows = slice(top, top + queries_at_once)
        for left in range(0, len(vectors), nodes_at_once):
            block = vectors[left : left + nodes_at_once]
            _merge(TopK(found.ids[rows], found.scores[rows]), queries[rows], block, left, slack)
    return found


def _rounding(queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> float:
    """Twice the most that a float32 product can be wrong by (Higham 2002, section 3.1), and twice a last rounding."""
    longest = [float(np.linalg.norm(each, axis=1).max(initial=0.0)) for each in (queries, vectors)]
    slack: float = (vectors.shape[1] + 2) * float(np.finfo(np.float32).eps) * longest[0] * longest[1]
    return slack


def _merge(found: TopK, queries: NDArray[np.float32], vectors: NDArray[np.float32], offset: int, slack: float) -> None:
    """Let a block's vectors, which stand at ``offset``, into the best so far."""
    k = found.ids.shape[1]
    products = queries @ vectors.T
    bounds = np.maximum(lower_bound(products, k), found.scores[:, -1]) - slack
    rows, columns = np.nonzero(products >= bounds[:, None])
    ends = np.searchsorted(rows, np.arange(len(queries) + 1))
    for row in np.flatnonzero(np.diff(ends)):
        entering = columns[ends[row] : ends[row + 1]]
        scores = np.concatenate((found.scores[row], _inner_products(queries[row], vectors[entering])))
        ids = np.concatenate((found.ids[row], (entering + offset).astype(np.int32)))
        best = np.argsort(-scores, kind="stable")[:k]
        found.ids[row], found.scores[row] = ids[best], scores[best]


def _inner_products(query: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    products = vectors.astype(np.float64)
    products *= query
    exact: NDArray[np.float32] = products.sum(axis=1).astype(np.float32)
    return exact
