"""LlamaIndex's events around a reranking: each start has its end, whatever happens between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.events.exception import ExceptionEvent
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.schema import NodeWithScore, QueryBundle

dispatcher = get_dispatcher(__name__)


@contextmanager
def announced(
    callbacks: CallbackManager, model: str, top_n: int, nodes: Sequence[NodeWithScore], query: QueryBundle
) -> Iterator[list[NodeWithScore]]:
    """Tell LlamaIndex's event handlers and callbacks that nodes are reranked, and what came of it.

    An error ends both: the callback with the error in its payload, as LlamaIndex does it, and the reranking with an
    ``ExceptionEvent`` and a ``ReRankEndEvent`` without nodes.

    Args:
        callbacks: LlamaIndex's callback manager.
        model: Name of the model.
        top_n: Most nodes returned.
        nodes: The candidates.
        query: The query.

    Yields:
        An empty list, for the result.
    """
    payload: dict[str, Any] = {
        EventPayload.NODES: list(nodes),
        EventPayload.MODEL_NAME: model,
        EventPayload.QUERY_STR: query.query_str,
        EventPayload.TOP_K: top_n,
    }
    result: list[NodeWithScore] = []
    dispatcher.event(ReRankStartEvent(query=query, nodes=list(nodes), top_n=top_n, model_name=model))
    try:
        with callbacks.event(CBEventType.RERANKING, payload=payload) as event:
            yield result
            event.on_end(payload={EventPayload.NODES: list(result)})
    except BaseException as error:
        result.clear()
        dispatcher.event(ExceptionEvent(exception=error))
        raise
    finally:
        dispatcher.event(ReRankEndEvent(nodes=list(result)))
