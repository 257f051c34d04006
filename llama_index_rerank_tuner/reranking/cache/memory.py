"""A cache in memory: scores each different pair of one model once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.protocols import Scorer


class CachedScorer:
    """Wraps a scorer and keeps what it scored, for as long as the object lives.

    Args:
        scorer: The scorer to ask for pairs not seen before.

    Example:
        >>> class Length:
        ...     name, asked = "length", 0
        ...     def __call__(self, pairs):
        ...         self.asked += len(pairs)
        ...         return np.array([float(len(passage)) for _, passage in pairs])
        >>> length = Length()
        >>> cached = CachedScorer(length)
        >>> cached([("q", "aa"), ("q", "b"), ("q", "aa")]).tolist(), length.asked
        ([2.0, 1.0, 2.0], 2)
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._scores: dict[tuple[str, str], float] = {}

    @property
    def name(self) -> str:
        """Name of the wrapped scorer."""
        return self._scorer.name

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Logits of ``n`` pairs, shape ``(n,)``; only the new ones are computed."""
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._scores]
        if new:
            self._scores.update(zip(new, self._scorer(new).tolist(), strict=True))
        return np.array([self._scores[pair] for pair in pairs], dtype=np.float64)
