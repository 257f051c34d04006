"""A scorer in front of which caches stand, one behind the other; see ``test_cache.py`` for the one in memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, RerankTunerWarning
from llama_index_rerank_tuner.reranking.cache import (
    CachedScorer,
    DegradingCache,
    MemoryCache,
    RedisCache,
    SqliteCache,
    open_caches,
    pair_keys,
)
from tests.reranking.cache.stores import SOON, Lengths, Store, lengths

PAIRS = [("what fee", "fee"), ("what fee", "a fee of 20"), ("what fee", ""), ("who", "fee")]
MODEL = b"model"


class Shown(Lengths):
    """Has an activation, as cross-encoders do."""

    def activate(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        return logits + 100


class Broken(Lengths):
    """Cannot score the second pair it is asked for."""

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        scores = super().__call__(pairs)
        scores[1] = np.nan
        return scores


def _far(store: Store) -> DegradingCache:
    return DegradingCache(store, patience=SOON)


def test_each_cache_is_asked_once_a_call_for_what_the_nearer_ones_do_not_know() -> None:
    near, far, scorer = MemoryCache(), Store(), Lengths()
    keys = pair_keys(MODEL, PAIRS)
    near.put_many({keys[0]: lengths(PAIRS)[0]})
    far.kept.put_many({keys[1]: lengths(PAIRS)[1], keys[2]: lengths(PAIRS)[2]})
    cached = CachedScorer(scorer, [near, _far(far)], namespace=MODEL)
    assert cached([*PAIRS, *PAIRS]).tolist() == lengths([*PAIRS, *PAIRS]).tolist()
    assert far.reads == [[keys[1], keys[2], keys[3]]]
    assert scorer.asked == [PAIRS[3]]


def test_what_a_far_cache_knew_is_copied_into_the_nearer_one_and_what_is_new_into_both() -> None:
    near, far = MemoryCache(), Store()
    keys = pair_keys(MODEL, PAIRS)
    known = dict(zip(keys[:2], lengths(PAIRS[:2]).tolist(), strict=True))
    far.kept.put_many(known)
    cached = CachedScorer(Lengths(), [near, _far(far)], namespace=MODEL)
    cached(PAIRS)
    cached(PAIRS)
    assert cached.caches[1].flush(SOON)  # type: ignore[attr-defined]
    assert near.get_many(keys) == lengths(PAIRS).tolist()
    assert far.writes == [dict(zip(keys[2:], lengths(PAIRS[2:]).tolist(), strict=True))]
    assert len(far.reads) == 1


def test_a_score_that_is_not_finite_is_neither_kept_nor_believed() -> None:
    store, scorer = MemoryCache(), Broken()
    cached = CachedScorer(scorer, store, namespace=MODEL)
    assert np.isnan(cached(PAIRS)[1])
    keys = pair_keys(MODEL, PAIRS)
    assert [score is None for score in store.get_many(keys)] == [False, True, False, False]
    store.put_many({keys[0]: float("inf")})
    whole = CachedScorer(Lengths(), store, namespace=MODEL)
    assert whole(PAIRS).tolist() == lengths(PAIRS).tolist()


def test_models_that_share_a_cache_do_not_share_scores() -> None:
    store, scorers = MemoryCache(), (Lengths(), Lengths())
    for scorer, namespace in zip(scorers, (b"model", b"retrained"), strict=True):
        CachedScorer(scorer, store, namespace=namespace)(PAIRS)
        CachedScorer(scorer, store, namespace=namespace)(PAIRS)
    assert [len(scorer.asked) for scorer in scorers] == [len(PAIRS), len(PAIRS)]


def test_a_shared_cache_without_a_namespace_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"needs namespace=score_namespace\(\.\.\.\)"):
        CachedScorer(Lengths(), MemoryCache())


def test_no_cache_at_all_is_an_error() -> None:
    with pytest.raises(ConfigError, match="cache is an empty list"):
        CachedScorer(Lengths(), [], namespace=MODEL)


def test_a_cache_outside_of_the_process_cannot_fail_a_call() -> None:
    store = Store()
    store.fails = OSError("disk gone")
    cached = CachedScorer(Lengths(), store, namespace=MODEL)
    with pytest.warns(RerankTunerWarning, match="disk gone"):
        assert cached(PAIRS).tolist() == lengths(PAIRS).tolist()
    cached.close()
    assert store.closed == 1


def test_the_activation_is_there_exactly_where_the_scorer_has_one() -> None:
    assert CachedScorer(Shown()).activate(np.array([1.0])).tolist() == [101.0]
    assert not hasattr(CachedScorer(Lengths()), "activate")


def test_after_closing_it_still_scores(tmp_path: Path) -> None:
    cached = CachedScorer(Lengths(), SqliteCache(tmp_path / "scores.sqlite"), namespace=MODEL)
    cached(PAIRS)
    cached.close()
    with pytest.warns(RerankTunerWarning, match=r"scores.sqlite is closed: scores are computed instead"):
        assert cached(PAIRS).tolist() == lengths(PAIRS).tolist()


def test_pairs_are_not_changed() -> None:
    pairs = list(PAIRS)
    CachedScorer(Lengths())(pairs)
    assert pairs == PAIRS


def test_many_threads_get_the_scorers_own_scores(tmp_path: Path) -> None:
    caches = [MemoryCache(max_entries=30), DegradingCache(SqliteCache(tmp_path / "s.sqlite"), patience=SOON)]
    cached = CachedScorer(Lengths(), caches, namespace=MODEL)

    def call(number: int) -> bool:
        pairs = [(f"q{number % 3}", "x" * ((number + each) % 40)) for each in range(number % 21)]
        return cached(pairs).tolist() == lengths(pairs).tolist()

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(call, range(300)))
    cached.close()


def test_a_place_is_told_by_its_name(tmp_path: Path) -> None:
    file, url = tmp_path / "scores.sqlite", "redis://localhost:6379/0"
    kinds = [[type(each) for each in open_caches(place)] for place in ("memory", file, str(file), url)]
    behind_memory = [MemoryCache, SqliteCache]
    assert kinds == [[MemoryCache], behind_memory, behind_memory, [MemoryCache, RedisCache]]


@pytest.mark.parametrize("place", ["momory", "http://localhost", "scores.txt", "", ":memory:"])
def test_a_place_that_is_none_is_an_error(place: str) -> None:
    with pytest.raises(ConfigError, match="is no place for scores"):
        open_caches(place)
