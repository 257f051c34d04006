"""Headroom: what the candidates allow, and what follows from it."""

from __future__ import annotations

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation import BenchmarkResult, RerankBenchmark
from llama_index_rerank_tuner.evaluation.headroom import Headroom, headroom
from tests.evaluation.contestants import by_last_letter, oracle, question


def _result(*candidates: list[str]) -> BenchmarkResult:
    """Questions with these candidates, one positive ``p`` each."""
    dataset = RerankDataset.build([question(f"q{place}", each) for place, each in enumerate(candidates)])
    return RerankBenchmark(dataset, {"oracle": oracle(), "last": by_last_letter()}, metrics=["MRR"], samples=10).run()


def _found(*candidates: list[str]) -> Headroom:
    return headroom(_result(*candidates), "MRR")


def test_ceiling_reference_and_shares_are_those_computed_by_hand() -> None:
    # Positive first, second, missed; the letters turn the second list around and leave the first ("p" after "a").
    found = _found(["p", "a"], ["z", "p"], ["a", "b"])
    assert found.ceiling == pytest.approx(2 / 3)
    assert found.reference == pytest.approx((1 + 1 / 2) / 3)
    assert found.room == pytest.approx(1 / 6)
    assert found.shares == pytest.approx({"retriever": 0.75, "oracle": 1.0, "last": 0.75})


def test_where_nothing_relevant_was_retrieved_there_is_no_share() -> None:
    found = _found(["a", "b"], [])
    assert (found.ceiling, found.reference) == (0.0, 0.0)
    assert found.shares == {"retriever": None, "oracle": None, "last": None}
    assert found.advice.startswith("Improve retrieval first: it finds no relevant passage")


def test_little_room_under_a_low_ceiling_says_improve_retrieval_first() -> None:
    found = _found(["p", "a"], ["a", "b"])
    assert found.room == 0.0
    assert found.advice == (
        "Improve retrieval first: an ideal order of these candidates reaches MRR 0.500, and the retriever's own "
        "order already 0.500; the rest is in passages that it misses. Retrieve more candidates, or with a second "
        "retriever."
    )


def test_a_reranker_that_has_used_up_the_room_says_improve_retrieval_first() -> None:
    found = _found(["a", "p"], ["a", "b"])
    assert (found.ceiling, found.reference) == (0.5, 0.25)
    assert found.advice.startswith("Improve retrieval first:")
    assert "oracle already 0.500" in found.advice


def test_little_room_under_a_high_ceiling_says_there_is_little_left_to_gain() -> None:
    assert _found(["p", "a"]).advice.startswith("There is little left to gain:")


def test_room_that_no_reranker_has_taken_is_told() -> None:
    dataset = RerankDataset.build([question("q", ["z", "p"])])
    result = RerankBenchmark(dataset, {"last": by_last_letter()}, metrics=["MRR"], samples=10).run()
    found = headroom(result, "MRR")
    assert found.advice == (
        "There is room for a better reranker: an ideal order of these candidates reaches MRR 1.000, the "
        "retriever's own order 0.500, last 0.500."
    )
    alone = headroom(RerankBenchmark(dataset, {}, metrics=["MRR"], samples=10).run(), "MRR")
    assert alone.advice.endswith("the retriever's own order 0.500.")


def test_a_metric_that_was_not_measured_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no metric 'nDCG@10'; there are MRR"):
        headroom(_result(["p"]))
