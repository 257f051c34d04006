"""Cost, from times written down by hand and from scorers that count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation import BenchmarkResult, RerankBenchmark
from llama_index_rerank_tuner.evaluation.cost import costs, latency, peak_memory_mb
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.reranking import FinetunedRerank
from llama_index_rerank_tuner.reranking.cache import CachedScorer
from tests.evaluation.contestants import by_last_letter, question

EXAMPLES = [
    question("one", ["p", "a"]),
    question("two", ["a", "b", "p"]),
    question("none", []),
    question("four", "abcp"),
]


class Length:
    name = "length"

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        return np.array([float(len(passage)) for _, passage in pairs])


def _result(seconds: Mapping[str, float]) -> BenchmarkResult:
    ids = [example.query_id for example in EXAMPLES]
    return BenchmarkResult(
        scores={name: {"MRR": dict.fromkeys(ids, 0.0)} for name in ("retriever", "last")},
        rankings={},
        qrels={},
        queries={id_: id_ for id_ in ids},
        groups={id_: id_ for id_ in ids},
        without_candidates=1,
        ceiling={"MRR": 1.0},
        reference="retriever",
        examples={example.query_id: example for example in EXAMPLES},
        seconds={"retriever": dict.fromkeys(ids, 0.0), "last": seconds},
    )


def test_times_and_speed_are_those_computed_by_hand_without_empty_retrievals() -> None:
    cost = costs(_result({"one": 0.1, "two": 0.3, "none": 0.0, "four": 0.2}), {"last": by_last_letter()})["last"]
    assert cost.p50 == pytest.approx(0.2)
    assert cost.p95 == pytest.approx(0.29)
    # 2 + 3 + 4 candidates in 0.6 seconds.
    assert cost.pairs_per_second == pytest.approx(15.0)
    assert (cost.truncated_share, cost.cached) == (None, False)


def test_the_retriever_takes_no_time() -> None:
    result = _result({"one": 0.1, "two": 0.3, "none": 0.0, "four": 0.2})
    assert latency(result, "retriever") == (0.0, 0.0)
    assert (
        costs(_result(dict.fromkeys(["one", "two", "none", "four"], 0.0)), {"last": by_last_letter()})[
            "last"
        ].pairs_per_second
        == 0.0
    )


def test_nothing_retrieved_at_all_costs_nothing() -> None:
    result = RerankBenchmark(RerankDataset.build([question("none", [])]), {"last": by_last_letter()}, samples=10).run()
    assert costs(result, {"last": by_last_letter()})["last"].p95 == 0.0


def test_memory_is_that_of_this_process_in_mebibytes() -> None:
    held = np.ones(200 * 2**17)
    assert held.nbytes == 200 * 2**20
    assert 200 < peak_memory_mb() < 100_000


def test_the_truncated_share_is_counted_by_the_models_scorer(tiny_cross_encoder: str) -> None:
    # The tiny model reads 128 tokens: one of two passages is longer.
    long, short = Passage("fee " * 200, "long", label=1.0), Passage("fee", "short")
    dataset = RerankDataset.build([RerankExample("q", "what fee", (long,), candidates=(long, short))])
    reranker = FinetunedRerank(tiny_cross_encoder, 10, device="cpu", backend="torch")
    behind = FinetunedRerank(tiny_cross_encoder, 10, scorer=CachedScorer(reranker.scorer))
    rerankers = {"plain": reranker, "cached": behind, "other": by_last_letter()}
    assert costs(RerankBenchmark(dataset, {}, samples=10).run(), {}) == {}
    found = costs(RerankBenchmark(dataset, rerankers, samples=10).run(), rerankers)
    assert {name: cost.truncated_share for name, cost in found.items()} == {"plain": 0.5, "cached": 0.5, "other": None}
    assert {name: cost.cached for name, cost in found.items()} == {"plain": False, "cached": True, "other": False}


def test_a_scorer_of_ones_own_counts_nothing() -> None:
    reranker = FinetunedRerank("any", 10, scorer=Length())
    dataset = RerankDataset.build(EXAMPLES)
    found = costs(RerankBenchmark(dataset, {"length": reranker}, samples=10).run(), {"length": reranker})
    assert found["length"].truncated_share is None
    assert found["length"].pairs_per_second > 0


def test_a_stranger_and_a_result_without_times_are_refused() -> None:
    result = _result({"one": 0.1, "two": 0.3, "none": 0.0, "four": 0.2})
    with pytest.raises(ConfigError, match="no contestant 'stranger'"):
        costs(result, {"stranger": by_last_letter()})
    timeless = BenchmarkResult(result.scores, {}, {}, result.queries, result.groups, 1, {"MRR": 1.0}, "retriever")
    with pytest.raises(ConfigError, match=r"no times of 'last': take it from RerankBenchmark\.run"):
        costs(timeless, {"last": by_last_letter()})
