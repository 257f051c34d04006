"""``CachedScorer``: a scorer that asks its caches first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.protocols import Scorer
from llama_index_rerank_tuner.reranking.cache.degrading import DegradingCache
from llama_index_rerank_tuner.reranking.cache.keys import pair_keys
from llama_index_rerank_tuner.reranking.cache.memory import MemoryCache
from llama_index_rerank_tuner.reranking.cache.protocol import ScoreCache


class CachedScorer:
    """Wraps a scorer and keeps what it scored: each different pair is looked up once a call, and scored if new.

    A cache outside of this process is wrapped in a ``DegradingCache``, so that it cannot fail or hold up a call. The
    wrapped scorer's ``activate``, where it has one, is passed on. Safe to call from several threads; two that ask for
    the same new pair at once may both score it.

    Args:
        scorer: The scorer to ask for pairs that no cache knows.
        cache: One cache, or several, the nearest first: what a far one knows is copied into the nearer. None keeps
            everything in memory for as long as the object lives.
        namespace: ``score_namespace`` of the scorer. A cache that may hold other models' scores needs it.

    Raises:
        ConfigError: A cache is given without a namespace, or no cache at all.

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

    activate: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """Only there where the wrapped scorer has it."""

    def __init__(
        self, scorer: Scorer, cache: ScoreCache | Sequence[ScoreCache] | None = None, *, namespace: bytes = b""
    ) -> None:
        if cache is not None and not namespace:
            raise ConfigError("A cache that may hold other models' scores needs namespace=score_namespace(...).")
        self._scorer, self._namespace = scorer, namespace
        self.caches = _nearest_first(MemoryCache(max_entries=None) if cache is None else cache)
        if hasattr(scorer, "activate"):
            self.activate = scorer.activate

    @property
    def name(self) -> str:
        """Name of the wrapped scorer."""
        return self._scorer.name

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Logits of ``n`` pairs, shape ``(n,)``; only the new ones are computed."""
        keys = pair_keys(self._namespace, pairs)
        different = dict(zip(keys, pairs, strict=True))
        scores = self._known(list(different))
        new = [key for key in different if key not in scores]
        if new:
            computed = self._scorer([different[key] for key in new]).tolist()
            scores.update(zip(new, computed, strict=True))
            self._keep({key: scores[key] for key in new if math.isfinite(scores[key])}, self.caches)
        return np.array([scores[key] for key in keys], dtype=np.float64)

    def close(self) -> None:
        """Close the caches; those of a scorer that shares them with another are closed for both."""
        for each in self.caches:
            each.close()

    def _known(self, keys: list[bytes]) -> dict[bytes, float]:
        """The scores that the caches know, the nearest asked first; the nearer ones learn what a far one knew."""
        known: dict[bytes, float] = {}
        for place, cache in enumerate(self.caches):
            asked = [key for key in keys if key not in known]
            if not asked:
                break
            answers = zip(asked, cache.get_many(asked), strict=True)
            found = {key: score for key, score in answers if score is not None and math.isfinite(score)}
            known.update(found)
            self._keep(found, self.caches[:place])
        return known

    @staticmethod
    def _keep(scores: dict[bytes, float], caches: Sequence[ScoreCache]) -> None:
        if scores:
            for each in caches:
                each.put_many(scores)


def _nearest_first(cache: ScoreCache | Sequence[ScoreCache]) -> list[ScoreCache]:
    given = list(cache) if isinstance(cache, Sequence) else [cache]
    if not given:
        raise ConfigError("cache is an empty list. Give at least one cache, or None.")
    return [each if isinstance(each, (MemoryCache, DegradingCache)) else DegradingCache(each) for each in given]
