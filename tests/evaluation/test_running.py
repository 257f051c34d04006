"""Running a benchmark: over a live retriever, to a depth, by several workers, inside an event loop."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError, ScoreError
from llama_index_rerank_tuner.evaluation import RerankBenchmark
from llama_index_rerank_tuner.evaluation.significance import Tally
from tests.evaluation.contestants import Shelf, Sorting, by_last_letter, oracle, question

FIVE = RerankDataset.build(
    [
        question("first", ["p", "a", "b"], group="one"),
        question("second", ["a", "p", "b"], group="one"),
        question("third", ["a", "b", "p"], group="two"),
        question("missed", ["a", "b"], group="three"),
        question("empty", []),
    ]
)


class Asynchronous(BaseNodePostprocessor):
    """Runs an event loop of its own, as postprocessors that call a service do."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return asyncio.run(self._reversed(nodes))

    async def _reversed(self, nodes: list[NodeWithScore]) -> list[NodeWithScore]:
        await asyncio.sleep(0)
        return nodes[::-1]


BARRIER = threading.Barrier(2, timeout=30)


class Meeting(BaseNodePostprocessor):
    """Lets nobody through until two calls are there at once."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        BARRIER.wait()
        return nodes


class Failing(BaseNodePostprocessor):
    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        raise RuntimeError("service is down")


def test_the_result_holds_the_examples_and_what_each_question_took() -> None:
    result = RerankBenchmark(FIVE, {"oracle": oracle()}, samples=10).run()
    assert result.examples == {example.query_id: example for example in FIVE}
    assert result.seconds["retriever"] == dict.fromkeys(result.queries, 0.0)
    assert [query for query, seconds in result.seconds["oracle"].items() if seconds > 0] == [
        "first", "second", "third", "missed"
    ]  # fmt: skip


def test_the_time_is_the_contestants_own() -> None:
    def slow(_: str) -> float:
        time.sleep(0.01)
        return 0.0

    result = RerankBenchmark(FIVE[:1], {"slow": Sorting(key=slow), "fast": by_last_letter()}, samples=10).run()
    assert result.seconds["slow"]["first"] >= 3 * 0.01 > result.seconds["fast"]["first"]


def test_the_evaluators_own_figures_stand_beside_trecs_and_agree() -> None:
    result = RerankBenchmark(FIVE, {"oracle": oracle()}, metrics=["Hit@5", "MRR", "Recall@5"], samples=10).run()
    assert result.evaluator_scores["retriever"]["mrr"] == pytest.approx(
        {"first": 1.0, "second": 1 / 2, "third": 1 / 3, "missed": 0.0, "empty": 0.0}
    )
    for name in result.contestants:
        theirs = result.evaluator_scores[name]
        ours = [result.scores[name][metric] for metric in ("Hit@5", "MRR", "Recall@5")]
        assert [theirs["hit_rate"], theirs["mrr"], theirs["recall"]] == [pytest.approx(each) for each in ours]


def test_wins_and_chance_are_counted_question_by_question() -> None:
    result = RerankBenchmark(FIVE, {"oracle": oracle()}, samples=10).run()
    assert result.differences("oracle", "retriever", "Hit@1") == {
        "first": 0.0, "second": 1.0, "third": 1.0, "missed": 0.0, "empty": 0.0
    }  # fmt: skip
    assert result.tally("oracle", "retriever", "Hit@1") == Tally(wins=2, ties=3, losses=0)
    # Of the sixteen flips of four groups, those that leave "one" and "two" on one side are as far from zero: half.
    assert result.p_value("oracle", "retriever", "Hit@1") == 0.5


def test_a_live_retriever_is_asked_once_for_each_different_question() -> None:
    twice = question("again", None, query="question first", group="one")
    dataset = RerankDataset.build([question("first", ["b"]), question("third", None), twice])
    shelf = Shelf({"question first": ["p", "a"], "question third": ["a", "b", "p"]})
    one, two = oracle(), by_last_letter()
    result = RerankBenchmark(dataset, {"one": one, "two": two}, retriever=shelf, samples=10).run()
    assert shelf.asked == ["question first", "question third"]
    assert one.asked == two.asked == ["question first", "question third", "question first"]
    assert [key for key, _ in result.rankings["retriever"]["first"]] == ["p", "a"]
    assert result.scores["retriever"]["MRR@10"] == pytest.approx({"first": 1.0, "third": 1 / 3, "again": 1.0})
    assert [each.label for each in result.examples["third"].candidates or ()] == [None, None, 1.0]


def test_a_retriever_that_finds_nothing_scores_0_and_is_counted() -> None:
    shelf = Shelf({"question first": []})
    result = RerankBenchmark(FIVE[:1], {"oracle": oracle()}, retriever=shelf, samples=10).run()
    assert (result.without_candidates, result.mean("oracle", "nDCG@10").value) == (1, 0.0)


def test_depth_keeps_the_first_candidates_and_what_is_cut_counts_as_missed() -> None:
    result = RerankBenchmark(FIVE, {"oracle": oracle()}, depth=2, metrics=["MRR"], samples=10).run()
    assert result.scores["oracle"]["MRR"] == {"first": 1.0, "second": 1.0, "third": 0.0, "missed": 0.0, "empty": 0.0}
    assert result.ceiling["MRR"] == pytest.approx(2 / 5)
    assert len(result.examples["third"].candidates or ()) == 2
    assert len(FIVE[2].candidates or ()) == 3


def test_several_workers_ask_at_once_and_change_nothing() -> None:
    alone = RerankBenchmark(FIVE, {"oracle": oracle(), "last": by_last_letter()}, samples=10).run()
    together = RerankBenchmark(FIVE, {"oracle": oracle(), "last": by_last_letter()}, workers=3, samples=10).run()
    assert together.rankings == alone.rankings
    assert RerankBenchmark(FIVE[:4], {"meeting": Meeting()}, workers=2, samples=10).run().contestants[1] == "meeting"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_contestant_with_an_event_loop_of_its_own_can_compete(workers: int) -> None:
    result = RerankBenchmark(FIVE, {"service": Asynchronous()}, workers=workers, samples=10).run()
    assert [key for key, _ in result.rankings["service"]["first"]] == ["b", "a", "p"]


def test_it_runs_in_a_notebook_with_contestants_that_have_a_loop_of_their_own() -> None:
    async def notebook() -> list[str]:
        result = RerankBenchmark(FIVE, {"service": Asynchronous()}, samples=10).run()
        return [key for key, _ in result.rankings["service"]["first"]]

    assert asyncio.run(notebook()) == ["b", "a", "p"]


def test_arun_gives_the_same_and_leaves_the_loop_free() -> None:
    released = threading.Event()

    def waits_for_the_loop(text: str) -> float:
        assert released.wait(30)
        return float("right" in text)

    async def app() -> float:
        running = asyncio.create_task(
            RerankBenchmark(FIVE, {"oracle": Sorting(key=waits_for_the_loop)}, samples=10).arun()
        )
        await asyncio.sleep(0)
        released.set()
        return (await running).mean("oracle", "Hit@1").value

    assert asyncio.run(app()) == pytest.approx(3 / 5)


def test_a_cancelled_arun_asks_no_further_question() -> None:
    contestant = by_last_letter()
    asked, go_on = threading.Event(), threading.Event()

    def holds(text: str) -> float:
        asked.set()
        assert go_on.wait(30)
        return 0.0

    contestant.key = holds

    async def app() -> None:
        running = asyncio.create_task(RerankBenchmark(FIVE, {"slow": contestant}, samples=10).arun())
        await asyncio.to_thread(asked.wait, 30)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        go_on.set()

    asyncio.run(app())
    assert contestant.asked == ["question first"]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_contestant_comes_through_and_says_who_and_where(workers: int) -> None:
    with pytest.raises(RuntimeError, match="service is down") as caught:
        RerankBenchmark(FIVE, {"remote": Failing()}, workers=workers).run()
    assert caught.value.__notes__ == ["Raised by the contestant 'remote' at query 'first' ('question first')."]


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_cannot_be_ranked_on_is_refused(score: float) -> None:
    with pytest.raises(ScoreError, match=r"Sorting scored 'p' (nan|inf), which cannot be ranked on"):
        RerankBenchmark(FIVE[:1], {"broken": Sorting(key=lambda _: score)}).run()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"depth": 0}, "depth must be a positive integer, got 0"),
        ({"workers": 0}, "workers must be a positive integer, got 0"),
        ({"samples": -1}, "samples must be a positive integer, got -1"),
    ],
)
def test_counts_that_are_not_positive_are_refused(setting: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RerankBenchmark(FIVE, {}, **setting)  # type: ignore[arg-type]
