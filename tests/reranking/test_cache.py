"""The cache of scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from llama_index_rerank_tuner.reranking.cache import CachedScorer

Pairs = Sequence[tuple[str, str]]
TEXTS = st.sampled_from(["", "a", "b", "ab", "税"])
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), max_size=8)


class Digits:
    """Scores a pair by its two texts' code points; remembers what it was asked."""

    name = "models/digits"

    def __init__(self) -> None:
        self.asked: list[list[tuple[str, str]]] = []

    def __call__(self, pairs: Pairs) -> NDArray[np.float64]:
        self.asked.append(list(pairs))
        return np.array([_score(*pair) for pair in pairs])


class Flaky(Digits):
    """Fails the first time it is asked."""

    def __call__(self, pairs: Pairs) -> NDArray[np.float64]:
        scores = super().__call__(pairs)
        if len(self.asked) == 1:
            raise RuntimeError("out of memory")
        return scores


class Short(Digits):
    """Returns one score too few."""

    def __call__(self, pairs: Pairs) -> NDArray[np.float64]:
        return super().__call__(pairs)[:-1]


def _score(query: str, passage: str) -> float:
    return sum(map(ord, query)) - 0.1 * sum(map(ord, passage)) + 1 / 3


@given(st.lists(PAIRS, max_size=5))
def test_cached_scores_are_the_scorers_own_in_order(calls: list[list[tuple[str, str]]]) -> None:
    cached = CachedScorer(Digits())
    for pairs in calls:
        assert cached(pairs).tolist() == [_score(*pair) for pair in pairs]


@given(st.lists(PAIRS, max_size=5))
def test_no_pair_is_scored_twice(calls: list[list[tuple[str, str]]]) -> None:
    scorer = Digits()
    cached = CachedScorer(scorer)
    for pairs in calls:
        cached(pairs)
    asked = [pair for batch in scorer.asked for pair in batch]
    assert len(asked) == len(set(asked))
    assert set(asked) == {pair for pairs in calls for pair in pairs}


def test_only_the_new_pairs_are_asked_for_in_one_batch() -> None:
    scorer = Digits()
    cached = CachedScorer(scorer)
    cached([("q", "a"), ("q", "b")])
    cached([("q", "c"), ("q", "a"), ("r", "a"), ("q", "c")])
    assert scorer.asked == [[("q", "a"), ("q", "b")], [("q", "c"), ("r", "a")]]


def test_the_scorer_is_left_alone_when_everything_is_known_or_nothing_is_asked() -> None:
    scorer = Digits()
    cached = CachedScorer(scorer)
    cached([("q", "a")])
    cached([("q", "a")])
    nothing = cached([])
    assert nothing.shape == (0,)
    assert nothing.dtype == np.float64
    assert len(scorer.asked) == 1


def test_pairs_that_only_look_alike_when_glued_together_are_different() -> None:
    cached = CachedScorer(Digits())
    assert cached([("ab", "c"), ("a", "bc")]).tolist() == [_score("ab", "c"), _score("a", "bc")]


def test_query_and_passage_are_not_exchangeable() -> None:
    cached = CachedScorer(Digits())
    assert cached([("a", "b"), ("b", "a")]).tolist() == [_score("a", "b"), _score("b", "a")]


def test_two_caches_know_nothing_of_each_other() -> None:
    first, second = Digits(), Digits()
    CachedScorer(first)([("q", "a")])
    CachedScorer(second)([("q", "a")])
    assert len(second.asked) == 1


def test_changing_the_returned_scores_does_not_change_the_cache() -> None:
    cached = CachedScorer(Digits())
    cached([("q", "a")])[0] = 99.0
    assert cached([("q", "a")]).tolist() == [_score("q", "a")]


def test_the_cache_goes_by_the_scorers_name() -> None:
    assert CachedScorer(Digits()).name == "models/digits"


def test_a_failed_call_stores_nothing_and_can_be_tried_again() -> None:
    cached = CachedScorer(Flaky())
    with pytest.raises(RuntimeError, match="out of memory"):
        cached([("q", "a")])
    assert cached([("q", "a")]).tolist() == [_score("q", "a")]


def test_a_scorer_that_loses_a_score_is_an_error_rather_than_a_shift() -> None:
    with pytest.raises(ValueError, match="shorter"):
        CachedScorer(Short())([("q", "a"), ("q", "b")])
