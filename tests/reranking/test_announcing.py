"""LlamaIndex's events and callbacks: each start has its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.schema import NodeWithScore, TextNode
from numpy.typing import NDArray

from llama_index_rerank_tuner.reranking import FinetunedRerank

START, END, ERROR = "ReRankStartEvent", "ReRankEndEvent", "ExceptionEvent"
NODES = [NodeWithScore(node=TextNode(text=text), score=1.0) for text in ("fee", "grant")]


class Lengths:
    name = "lengths"

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        return np.array([float(len(passage)) for _, passage in pairs])


class Broken:
    name = "broken"

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        raise self.error


@pytest.fixture
def seen() -> Iterator[list[Any]]:
    events: list[Any] = []

    class Handler(BaseEventHandler):
        def handle(self, event: BaseEvent, **_: object) -> None:
            if type(event).__name__ in (START, END, ERROR):
                events.append(event)

    root = get_dispatcher()
    root.add_event_handler(Handler())
    yield events
    root.event_handlers.pop()


def names(events: Sequence[Any]) -> list[str]:
    return [type(each).__name__ for each in events]


def test_a_reranking_starts_and_ends_with_its_nodes(seen: list[Any]) -> None:
    result = FinetunedRerank("m", top_n=1, scorer=Lengths()).postprocess_nodes(NODES, query_str="what")
    assert names(seen) == [START, END]
    assert (seen[0].query.query_str, seen[0].top_n, seen[0].model_name) == ("what", 1, "m")
    assert [each.node.text for each in seen[0].nodes] == ["fee", "grant"]
    assert seen[1].nodes == result


def test_no_nodes_are_announced_too(seen: list[Any]) -> None:
    assert FinetunedRerank("m", scorer=Lengths()).postprocess_nodes([], query_str="what") == []
    assert names(seen) == [START, END]
    assert seen[1].nodes == []


def test_an_async_reranking_is_announced_once(seen: list[Any]) -> None:
    asyncio.run(FinetunedRerank("m", scorer=Lengths()).apostprocess_nodes(NODES, query_str="what"))
    assert names(seen) == [START, END]


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()])
def test_an_error_ends_what_it_interrupts(seen: list[Any], error: BaseException) -> None:
    with pytest.raises(type(error)):
        FinetunedRerank("m", scorer=Broken(error)).postprocess_nodes(NODES, query_str="what")
    assert names(seen) == [START, ERROR, END]
    assert seen[1].exception is error
    assert seen[2].nodes == []


def test_a_missing_query_starts_nothing(seen: list[Any]) -> None:
    with pytest.raises(ValueError, match="needs the query"):
        FinetunedRerank("m", scorer=Lengths()).postprocess_nodes(NODES)
    assert seen == []


@pytest.mark.parametrize("scorer", [Lengths(), Broken(RuntimeError("out of memory"))])
@pytest.mark.parametrize("nodes", [NODES, []])
def test_callbacks_come_in_pairs(scorer: Any, nodes: list[NodeWithScore]) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    reranker = FinetunedRerank("m", scorer=scorer, callback_manager=CallbackManager([debug]))
    try:
        reranker.postprocess_nodes(nodes, query_str="what")
    except RuntimeError:
        assert "exception" in (debug.get_event_pairs(CBEventType.RERANKING)[0][1].payload or {})
    assert [len(pair) for pair in debug.get_event_pairs(CBEventType.RERANKING)] == [2]
