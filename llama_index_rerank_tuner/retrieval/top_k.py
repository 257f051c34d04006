"""The best of many scores, exactly, with ties in node order."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_STRIPES = 1024


class TopK(NamedTuple):
    """What ``n`` queries find, as arrays, before any node object is made.

    Args:
        ids: Positions of the nodes, best first, int32 of shape ``(n, k)``; -1 where a query finds fewer than ``k``.
        scores: Their scores, shape ``(n, k)``; minus infinity where there is no node.
    """

    ids: NDArray[np.int32]
    scores: NDArray[Any]

    @classmethod
    def nothing(cls, queries: int, k: int, dtype: type[np.floating[Any]] = np.float64) -> TopK:
        """Room for ``queries`` lists of ``k``, with no node in it yet."""
        return cls(np.full((queries, k), -1, dtype=np.int32), np.full((queries, k), -np.inf, dtype=dtype))


def top_k(scores: NDArray[Any], k: int, above: float = -np.inf) -> NDArray[np.intp]:
    """Positions of the ``k`` highest scores over ``above``, best first, ties by position; fewer where there are fewer.

    Only what can be among the best is sorted.

    Example:
        >>> top_k(np.array([0.5, 2.0, 0.0, 2.0]), 3, above=0.0).tolist()
        [1, 3, 0]
    """
    bound = lower_bound(scores, k)
    found = np.flatnonzero(scores >= bound if bound > above else scores > above)
    return found[np.argsort(-scores[found], kind="stable")[:k]]


def lower_bound(scores: NDArray[Any], k: int) -> Any:
    """A number that at least ``k`` scores of each row reach: cheap to have, and not far below the ``k``-th best.

    The scores are laid out in stripes; the best of each stripe is a different score, so the ``k``-th of those bests
    cannot be above the ``k``-th of all.

    Args:
        scores: Shape ``(n,)`` or ``(rows, n)``.
        k: At least 1.

    Returns:
        A float, or one for each row; minus infinity where there are no more than ``k`` scores.
    """
    *rows, count = scores.shape
    if count <= k:
        return np.full(rows, -np.inf, dtype=scores.dtype)[()]
    stripes = max(8 * k, _STRIPES)
    height = count // stripes
    if height < 2:
        return np.partition(scores, count - k, axis=-1)[..., count - k]
    bests = scores[..., : height * stripes].reshape(*rows, height, stripes).max(axis=-2)
    return np.partition(bests, stripes - k, axis=-1)[..., stripes - k]
