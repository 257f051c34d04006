"""Asking the retrievers: failures, time-outs, retries, concurrency, and odd answers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llama_index_rerank_tuner.errors import ConfigError, RerankTunerError, RerankTunerWarning
from llama_index_rerank_tuner.mining import Asking
from llama_index_rerank_tuner.mining.asking import LOST_IN_A_ROW, Source
from tests.mining.stand_ins import NODES, Listed, descending, ids, questions, unguarded

SWIFT = Asking(pause=0.0)


class Stumbling:
    """Raises on the first calls of every query."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.failures, self.error = failures, error or ConnectionError("reset")
        self.calls: dict[str, int] = {}

    def __call__(self, query: str) -> None:
        self.calls[query] = self.calls.get(query, 0) + 1
        if self.calls[query] <= self.failures:
            raise self.error


def _fails_for(*queries: str) -> Listed:
    def before(query: str) -> None:
        if query in queries:
            raise ConnectionError("reset")

    return Listed(descending(1, 2, 3), before)


def test_a_retry_mends_a_retriever_that_stumbles_and_the_stumbles_are_counted() -> None:
    stumbling = Stumbling(failures=2)
    generator = unguarded(NODES[:4], Listed(descending(1, 2, 3), stumbling), asking=SWIFT)
    assert sorted(ids(generator.generate(questions({"q": [0]})))) == ["n01", "n02", "n03"]
    assert stumbling.calls == {"question q": 3}
    assert generator.report.oddities == {"retriever: failed calls, ConnectionError: reset": 2}
    assert generator.report.failed == {}


def test_pauses_before_retries_double(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    answer = Source("s", Listed([], Stumbling(9)), Asking(retries=3, pause=0.5)).ask(["q"])["q"]
    assert (answer.found, answer.problem) == ((), "ConnectionError: reset")
    assert pauses == [0.5, 1.0, 2.0]


def test_a_question_that_a_source_fails_is_named_and_mined_from_the_other_sources() -> None:
    sources = {"bad": _fails_for("question r"), "good": Listed(descending(4, 5, 6, 7, 8))}
    generator = unguarded(NODES, sources, asking=SWIFT, negatives_per_query=3, random_negatives=0)
    with pytest.warns(RerankTunerWarning, match=r"'bad' gave no answer to 1 of 2 questions \(ConnectionError: reset\)"):
        mined = generator.generate(questions({"q": [0], "r": [0]}))
    assert generator.report.failed == {"bad": {"r": "ConnectionError: reset"}}
    assert set(ids(mined, 1)) <= {"n04", "n05", "n06", "n07", "n08"}
    assert len(ids(mined, 1)) == 3
    assert "questions that bad failed" in str(generator.report)


def test_no_answer_to_any_question_is_an_error_that_names_the_problem() -> None:
    sources = {"a": Listed([], Stumbling(99)), "b": Listed([], Stumbling(99, ValueError("bad key\nsecond line")))}
    generator = unguarded(NODES, sources, asking=SWIFT)
    with pytest.raises(RerankTunerError, match=r"any of 1 questions \(a: ConnectionError: reset; b: ValueError: bad"):
        generator.generate(questions({"q": [0]}))


def test_a_source_that_is_down_is_left_alone_and_its_questions_are_named() -> None:
    down = Listed([], Stumbling(10**6))
    answers = Source("s", down, Asking(retries=1, pause=0.0)).ask([f"q{i}" for i in range(30)])
    assert len(down.asked) == 2 * LOST_IN_A_ROW
    problems = [answer.problem or "" for answer in answers.values()]
    assert problems[:LOST_IN_A_ROW] == ["ConnectionError: reset"] * LOST_IN_A_ROW
    assert all(problem.startswith("not asked: 10 queries in a row") for problem in problems[LOST_IN_A_ROW:])


def test_an_error_of_this_package_is_not_tried_again() -> None:
    stumbling = Stumbling(1, ConfigError("wrong setting"))
    with pytest.raises(ConfigError, match="wrong setting"):
        Source("s", Listed([], stumbling), SWIFT).ask(["q"])
    assert stumbling.calls == {"q": 1}


@pytest.mark.timeout(60)
def test_a_call_that_hangs_is_given_up_after_its_timeout() -> None:
    released = threading.Event()
    hanging = Listed(descending(1), lambda query: released.wait(30) and None)
    try:
        source = Source("s", hanging, Asking(retries=1, pause=0.0, timeout=0.05))
        assert source.ask(["q"])["q"].problem == "no answer within 0.05 s"
        assert source.faults == {"no answer within 0.05 s": 2}
    finally:
        released.set()


class Awaited(BaseRetriever):
    """Asynchronous only; knows how many calls were under way at once."""

    def __init__(self, seconds: float = 0.02, failing: Sequence[str] = ()) -> None:
        super().__init__()
        self.seconds, self.failing, self.under_way, self.most = seconds, failing, 0, 0

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        raise NotImplementedError

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(self.seconds)
        self.under_way -= 1
        if query_bundle.query_str in self.failing:
            raise ConnectionError("reset")
        return [NodeWithScore(node=TextNode(id_=f"of {query_bundle.query_str}"), score=1.0)]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_asynchronous_retriever_is_asked_within_the_bound(concurrency: int) -> None:
    retriever, queries = Awaited(), [f"q{i}" for i in range(12)]
    answers = Source("s", retriever, Asking(concurrency=concurrency, pause=0.0)).ask(queries)
    assert retriever.most == concurrency
    assert [answers[query].found for query in queries] == [((f"of {query}", 1.0),) for query in queries]


def test_an_asynchronous_call_is_given_up_after_its_timeout() -> None:
    source = Source("s", Awaited(seconds=5.0), Asking(concurrency=2, retries=0, timeout=0.05))
    assert source.ask(["q"])["q"].problem == "no answer within 0.05 s"


def test_concurrency_changes_no_answer_nor_their_order() -> None:
    queries = [f"q{i}" for i in range(20)]
    one, many = (
        Source("s", Awaited(0.001, failing=["q3"]), Asking(concurrency=n, pause=0.0)).ask(queries) for n in (1, 6)
    )
    assert list(one.items()) == list(many.items())
    assert one["q3"].problem == "ConnectionError: reset"


def test_a_synchronous_retriever_may_be_asked_from_several_threads() -> None:
    both = threading.Barrier(2, timeout=20)
    answers = Source("s", Listed(descending(1), lambda query: both.wait() and None), Asking(concurrency=2)).ask(
        ["a", "b"]
    )
    assert [answer.problem for answer in answers.values()] == [None, None]


def test_anything_with_a_retrieve_is_a_source_and_each_query_is_asked_once() -> None:
    class Duck:
        asked = 0

        def retrieve(self, query: str) -> list[NodeWithScore]:
            self.asked += 1
            return [NodeWithScore(node=NODES[5], score=2.0)]

    duck = Duck()
    assert Source("s", duck, SWIFT).ask(["q", "q"])["q"].found == (("n05", 2.0),)
    assert duck.asked == 1


class Batched(Listed):
    """Answers in batches, which fail when they hold a bad query."""

    blocks: list[int]

    def retrieve_batch(self, queries: Sequence[str]) -> list[list[NodeWithScore]]:
        self.blocks = [*getattr(self, "blocks", []), len(queries)]
        if "bad" in queries:
            raise ConnectionError("too long")
        return [self._retrieve(QueryBundle(query)) for query in queries]


def test_a_retriever_that_answers_batches_is_asked_in_blocks() -> None:
    retriever = Batched(descending(1))
    assert len(Source("s", retriever, SWIFT).ask([f"q{i}" for i in range(1100)])) == 1100
    assert retriever.blocks == [512, 512, 76]


def test_a_block_that_fails_is_asked_query_by_query() -> None:
    retriever = Batched(descending(1), Stumbling(0))
    source = Source("s", retriever, SWIFT)
    assert [answer.problem for answer in source.ask(["good", "bad"]).values()] == [None, None]
    assert source.faults == {"ConnectionError: too long": 1}


def test_odd_answers_are_counted_and_have_one_outcome() -> None:
    sources = {
        "twice": Batched([("n01", 3.0), ("n02", 2.0), ("n01", 1.0)]),
        "scoreless": Listed([("n03", None), ("n04", float("nan"))]),
        "silent": Listed([]),
    }
    generator = unguarded(NODES[:5], sources, negatives_per_query=4, random_negatives=0)
    negatives = generator.generate(questions({"q": [0]}))[0].negatives
    assert {passage.key: dict(passage.retrieved) for passage in negatives} == {
        "n01": {"twice": (1, 3.0)},
        "n02": {"twice": (2, 2.0)},
        "n03": {"scoreless": (1, 0.0)},
        "n04": {"scoreless": (2, 0.0)},
    }
    assert generator.report.oddities == {
        "twice: a node returned twice": 1,
        "scoreless: a node without a score": 2,
        "silent: nothing found": 1,
    }


@pytest.mark.parametrize(
    "setting",
    [{"concurrency": 0}, {"retries": -1}, {"pause": -0.1}, {"timeout": 0.0}],
    ids=lambda each: next(iter(each)),
)
def test_manners_that_cannot_work_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="Expected concurrency of at least 1"):
        Asking(**setting)  # type: ignore[arg-type]


def test_what_is_no_retriever_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"The source 'index' has no retrieve\(\): str\."):
        unguarded(NODES, {"index": "bm25"})  # type: ignore[dict-item]
