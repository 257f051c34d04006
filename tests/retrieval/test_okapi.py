"""The sparse index against its reference, rank_bm25.BM25Okapi."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from llama_index_rerank_tuner.retrieval.okapi import OkapiIndex

TERMS = st.lists(st.sampled_from("abcdefgh"), max_size=9)


def _zipfian(count: int, length: int, rng: random.Random) -> list[list[str]]:
    words = [f"w{rank}" for rank in range(1, 2000)]
    weights = [1 / rank for rank in range(1, 2000)]
    return [rng.choices(words, weights, k=rng.randint(1, length)) for _ in range(count)]


def _expected(documents: Sequence[Sequence[str]], query: Sequence[str], k: int) -> list[int]:
    scores = BM25Okapi(documents).get_scores(query).round(12)
    sharing = [i for i, terms in enumerate(documents) if set(terms) & set(query)]
    return sorted(sharing, key=lambda i: (-scores[i], i))[:k]


@settings(deadline=None)
@given(st.lists(TERMS, min_size=1, max_size=12), TERMS, st.integers(1, 14))
def test_any_corpus_is_scored_and_ranked_as_by_okapi(documents: list[list[str]], query: list[str], k: int) -> None:
    assume(any(documents))
    index = OkapiIndex(documents)
    np.testing.assert_allclose(index.scores(query), BM25Okapi(documents).get_scores(query), rtol=0, atol=1e-9)
    found = index.search([query], k)
    expected = _expected(documents, query, k)
    assert found.ids[0].tolist() == expected + [-1] * (k - len(expected))
    assert found.scores[0, : len(expected)].tolist() == index.scores(query)[expected].tolist()


@pytest.mark.parametrize("k", [1, 50, 400])
def test_a_corpus_of_thousands_with_many_ties_is_ranked_as_by_okapi(k: int) -> None:
    rng = random.Random(k)
    documents = _zipfian(3000, 30, rng)
    documents += rng.choices(documents, k=1000)
    reference, index = BM25Okapi(documents), OkapiIndex(documents)
    for query in _zipfian(8, 8, rng):
        scores = reference.get_scores(query).round(12)
        np.testing.assert_allclose(index.scores(query), scores, rtol=0, atol=1e-9)
        best = [i for i in np.argsort(-scores, kind="stable")[:k].tolist() if scores[i] > 0]
        assert index.search([query], k).ids[0, : len(best)].tolist() == best


def test_queries_do_not_disturb_each_other() -> None:
    index = OkapiIndex([["a"], ["b"], ["c"], ["a", "b"], ["d"]])
    alone = [index.search([query], 2).ids[0].tolist() for query in (["a"], ["b"], [], ["c", "c"])]
    assert index.search([["a"], ["b"], [], ["c", "c"]], 2).ids.tolist() == alone
    assert alone == [[0, 3], [1, 3], [-1, -1], [2, -1]]


def test_a_term_in_exactly_half_of_the_documents_weighs_nothing_and_is_shared_all_the_same() -> None:
    found = OkapiIndex([["a", "b"], ["a", "c"], ["d"], ["e"]]).search([["a"]], 3)
    assert found.ids.tolist() == [[0, 1, -1]]
    assert found.scores.tolist() == [[0.0, 0.0, -np.inf]]


@pytest.mark.parametrize("documents", [[], [[]], [[], []]])
def test_a_corpus_without_a_term_answers_nothing(documents: list[list[str]]) -> None:
    index = OkapiIndex(documents)
    assert len(index) == len(documents)
    assert index.scores(["a"]).tolist() == [0.0] * len(documents)
    assert index.search([["a"], []], 2).ids.tolist() == [[-1, -1], [-1, -1]]


def test_documents_may_come_one_by_one() -> None:
    documents = [["a", "b"], ["c"], ["a"], ["d"], ["e"]]
    assert OkapiIndex(iter(documents)).search([["a"]], 2).ids.tolist() == [[2, 0]]


def test_no_query_gives_arrays_without_rows() -> None:
    found = OkapiIndex([["a"]]).search([], 3)
    assert (found.ids.shape, found.scores.shape) == ((0, 3), (0, 3))
