"""Contestants on identical candidates, with every figure computed by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest
from llama_index.core.bridge.pydantic import Field
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError, DataError, LeakError
from llama_index_rerank_tuner.evaluation import RETRIEVER, BenchmarkResult, RerankBenchmark
from llama_index_rerank_tuner.metrics import DEFAULT_METRICS
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved

SECOND, THIRD = 0.6309297535714575, 0.5
"""nDCG of a single positive at rank 2 and at rank 3."""


class Sorting(BaseNodePostprocessor):
    """Sorts nodes by a function of their id, best first, and remembers what it was given."""

    key: Callable[[str], float]
    top_n: int = 100
    seen: list[tuple[str, list[str]]] = Field(default_factory=list)

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        self.seen.append((query_bundle.query_str if query_bundle else "", [each.node.node_id for each in nodes]))
        scored = [NodeWithScore(node=each.node, score=self.key(each.node.node_id)) for each in nodes]
        return sorted(scored, key=lambda each: -(each.score or 0.0))[: self.top_n]


class Reversing(BaseNodePostprocessor):
    """Turns the list around."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return nodes[::-1]


def _oracle(top_n: int = 100) -> Sorting:
    return Sorting(key=lambda node_id: float(node_id.startswith("p")), top_n=top_n)


def _question(
    query_id: str, candidates: Sequence[str] | None, positives: Sequence[str] = ("p",), group: str | None = None
) -> RerankExample:
    found = [
        Passage(f"text {key}", node_id=key, retrieved={"bm25": Retrieved(rank, 1 / rank)})
        for rank, key in enumerate(candidates or (), start=1)
    ]
    relevant = tuple(Passage(f"text {key}", node_id=key, label=1.0) for key in positives)
    retrieved = None if candidates is None else tuple(found)
    return RerankExample(query_id, f"question {query_id}", relevant, candidates=retrieved, group=group)


# Positive first, third, missed by retrieval, nothing retrieved.
FOUR = RerankDataset.build(
    [
        _question("first", ["p", "a", "b"], group="one"),
        _question("third", ["a", "b", "p"], group="one"),
        _question("missed", ["a", "b", "c"], group="two"),
        _question("empty", []),
    ]
)


def _run(
    dataset: RerankDataset = FOUR, *, metrics: Sequence[str] = DEFAULT_METRICS, **rerankers: BaseNodePostprocessor
) -> BenchmarkResult:
    return RerankBenchmark(dataset, rerankers, metrics=metrics, samples=50).run()


def test_every_figure_equals_the_one_computed_by_hand() -> None:
    result = _run(reversing=Reversing(), oracle=_oracle())
    ndcg = {name: result.scores[name]["nDCG@10"] for name in result.contestants}
    nothing = {"missed": 0.0, "empty": 0.0}
    assert ndcg["retriever"] == pytest.approx({"first": 1.0, "third": THIRD, **nothing})
    assert ndcg["reversing"] == pytest.approx({"first": THIRD, "third": 1.0, **nothing})
    assert ndcg["oracle"] == pytest.approx({"first": 1.0, "third": 1.0, **nothing})
    means = {metric: [result.mean(name, metric).value for name in result.contestants] for metric in result.metrics}
    assert means == {
        "nDCG@10": pytest.approx([1.5 / 4, 1.5 / 4, 0.5]),
        "MRR@10": pytest.approx([4 / 12, 4 / 12, 0.5]),
        "Hit@1": [0.25, 0.25, 0.5],
        "Hit@3": [0.5, 0.5, 0.5],
        "Hit@5": [0.5, 0.5, 0.5],
        "Recall@10": [0.5, 0.5, 0.5],
    }


def test_the_retrievers_own_order_always_competes_and_comes_first() -> None:
    assert _run().contestants == [RETRIEVER] == ["retriever"]
    assert _run(b=Reversing(), a=_oracle()).contestants == ["retriever", "b", "a"]


def test_every_contestant_gets_the_same_candidates_for_the_same_questions() -> None:
    one, two = Sorting(key=len), Sorting(key=lambda node_id: -ord(node_id[0]))
    result = _run(one=one, vandal=Reversing(), two=two)
    assert one.seen == two.seen
    assert one.seen == [
        ("question first", ["p", "a", "b"]), ("question third", ["a", "b", "p"]), ("question missed", ["a", "b", "c"])
    ]  # fmt: skip
    assert [key for key, _ in result.rankings["vandal"]["first"]] == ["b", "a", "p"]


def test_an_empty_retrieval_scores_0_for_everybody_and_is_counted() -> None:
    result = _run(oracle=_oracle())
    assert result.without_candidates == 1
    assert all(result.scores[name][metric]["empty"] == 0.0 for name in result.contestants for metric in result.metrics)
    assert len(result.queries) == 4


def test_a_benchmark_of_nothing_but_empty_retrievals_scores_0() -> None:
    result = _run(RerankDataset.build([_question("q", []), _question("r", [])]), oracle=_oracle())
    assert result.without_candidates == 2
    assert result.mean("oracle", "nDCG@10").value == result.ceiling["nDCG@10"] == 0.0


def test_what_a_contestant_cuts_off_counts_as_not_found() -> None:
    dataset = RerankDataset.build([_question("q", ["p1", "a", "p2"], ["p1", "p2"])])
    result = _run(dataset, metrics=["Recall@10", "nDCG@10"], short=_oracle(top_n=1), full=_oracle())
    assert result.mean("short", "Recall@10").value == 0.5
    assert result.mean("short", "nDCG@10").value == pytest.approx(1 / (1 + SECOND))
    assert result.mean("full", "Recall@10").value == 1.0


def test_the_ceiling_is_what_an_oracle_reaches_on_these_candidates() -> None:
    # "half" retrieved one of its two positives, last: an ideal order gives 1 / (1 + 0.63).
    dataset = RerankDataset.build([*FOUR, _question("half", ["a", "p"], ["p", "p-missed"])])
    result = _run(dataset, oracle=_oracle())
    assert result.ceiling["nDCG@10"] == pytest.approx((1 + 1 + 0 + 0 + 1 / (1 + SECOND)) / 5)
    assert result.ceiling["Recall@10"] == pytest.approx(2.5 / 5)
    assert result.ceiling == pytest.approx({m: result.mean("oracle", m).value for m in result.metrics})


def test_graded_labels_count_by_their_grade() -> None:
    best, good = Passage("best", node_id="best", label=3.0), Passage("good", node_id="good", label=1.0)
    dataset = RerankDataset.build([RerankExample("q", "q?", (best, good), candidates=(good, best))])
    # (1 + 3 * 0.63093) / (3 + 1 * 0.63093)
    assert _run(dataset).mean("retriever", "nDCG@10").value == pytest.approx((1 + 3 * SECOND) / (3 + SECOND))


def test_change_is_in_percent_of_the_retriever_and_absent_where_that_scores_0() -> None:
    result = _run(oracle=_oracle())
    assert result.percent_change("oracle", "Hit@1") == pytest.approx(100.0)
    assert result.percent_change("oracle", "nDCG@10") == pytest.approx(100 * (0.5 - 0.375) / 0.375)
    assert result.percent_change("retriever", "nDCG@10") == 0.0
    third_only = _run(FOUR[1:], oracle=_oracle())
    assert third_only.mean("retriever", "Hit@1").value == 0.0
    assert third_only.percent_change("oracle", "Hit@1") is None


def test_questions_without_a_source_document_stand_alone() -> None:
    assert _run().groups == {"first": "one", "third": "one", "missed": "two", "empty": "query:empty"}


def test_the_report_is_json_with_every_questions_scores() -> None:
    report = json.loads(json.dumps(_run(reversing=Reversing(), metrics=["Hit@1"]).to_dict()))
    assert (report["questions"], report["groups"], report["questions without candidates"]) == (4, 3, 1)
    assert report["ceiling"] == {"Hit@1": 0.5}
    assert report["contestants"]["reversing"]["Hit@1"]["mean"] == 0.25
    assert report["contestants"]["reversing"]["Hit@1"]["change percent"] == 0.0
    assert report["per question"]["third"] == {
        "query": "question third",
        "group": "one",
        "scores": {"retriever": {"Hit@1": 0.0}, "reversing": {"Hit@1": 1.0}},
    }


def test_it_runs_inside_a_running_event_loop() -> None:
    async def notebook() -> BenchmarkResult:
        return _run(oracle=_oracle())

    assert asyncio.run(notebook()).mean("oracle", "Hit@1").value == 0.5


def test_a_question_that_was_never_given_candidates_is_refused_by_name() -> None:
    dataset = RerankDataset.build([_question("first", ["p"]), _question("q7", None)])
    with pytest.raises(ConfigError, match=r"q7.*has no candidates: use mining\.attach_candidates first"):
        RerankBenchmark(dataset, {})


def test_a_question_without_a_positive_and_a_reranker_called_retriever_are_refused() -> None:
    with pytest.raises(DataError, match=r"q7.*has no positive passage"):
        RerankBenchmark(RerankDataset.build([_question("q7", ["a"], [])]), {})
    with pytest.raises(ConfigError, match="call the reranker something else"):
        RerankBenchmark(FOUR, {"retriever": Reversing()})


def test_test_questions_that_a_contestant_was_trained_on_are_refused() -> None:
    trained_on = RerankDataset.from_records([{"query": "Question  FIRST?", "passage": "text p", "score": 1}])
    with pytest.raises(LeakError, match=r"1 questions stand on both sides"):
        RerankBenchmark(FOUR, {}, trained_on=trained_on)


def test_an_unknown_metric_is_refused_before_any_reranker_has_worked() -> None:
    contestant = _oracle()
    with pytest.raises(ConfigError, match=r"'nDGC@10'.*nDCG@k"):
        RerankBenchmark(FOUR, {"oracle": contestant}, metrics=["nDGC@10"]).run()
    assert contestant.seen == []
