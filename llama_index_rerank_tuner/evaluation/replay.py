"""Replaying one stored candidate list to every contestant, through LlamaIndex's ``RetrieverEvaluator``."""

from __future__ import annotations

import math
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.evaluation import RetrieverEvaluator
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index_rerank_tuner.dataset.nodes import node_of
from llama_index_rerank_tuner.errors import RerankTunerError, ScoreError
from llama_index_rerank_tuner.records import Passage, RerankExample

Ranking = list[tuple[str, float]]
"""Passage keys with the contestant's scores, best first."""

EVALUATOR_METRICS = ("hit_rate", "mrr", "recall")
"""What ``RetrieverEvaluator`` defines as trec does: at no cutoff but the length of the list."""

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Replay:
    """What one contestant made of one question's candidates.

    Args:
        ranking: Its order, with its scores.
        seconds: What its postprocessing took; 0 for the retriever's own order.
        evaluator_scores: ``RetrieverEvaluator``'s own figures, by the names in ``EVALUATOR_METRICS``.
    """

    ranking: Ranking
    seconds: float
    evaluator_scores: Mapping[str, float]


class ReplayRetriever(BaseRetriever):
    """Returns one stored list, whatever it is asked; fresh ``NodeWithScore`` objects each time."""

    def __init__(self, candidates: Sequence[Passage]) -> None:
        super().__init__()
        self._candidates = candidates

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [NodeWithScore(node=node_of(passage), score=_retrieval_score(passage)) for passage in self._candidates]


def _retrieval_score(passage: Passage) -> float | None:
    return next((place.score for place in passage.retrieved.values()), None)


class _Recorder(BaseNodePostprocessor):
    """Passes nodes through a contestant and remembers what came out, scores, time and all."""

    contestant: BaseNodePostprocessor | None = Field(default=None)
    _scores: dict[str, float] | None = PrivateAttr(default=None)
    _seconds: float = PrivateAttr(default=0.0)

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        ranked = nodes
        if self.contestant is not None:
            start = perf_counter()
            ranked = self.contestant.postprocess_nodes(nodes, query_bundle=query_bundle)
            self._seconds = perf_counter() - start
        self._scores = {each.node.node_id: self._score(each) for each in ranked}
        return ranked

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return self._postprocess_nodes(nodes, query_bundle)

    def _score(self, node: NodeWithScore) -> float:
        score = float(node.score or 0.0)
        if not math.isfinite(score):
            raise ScoreError(
                f"{type(self.contestant).__name__} scored {node.node.node_id!r} {score}, which cannot be ranked on. "
                "Its model is damaged or diverged in training."
            )
        return score


def replay(example: RerankExample, contestant: BaseNodePostprocessor | None) -> Ranking:
    """Rank a question's candidates with one contestant; None keeps the retriever's order.

    Where ``RetrieverEvaluator`` raises because nothing was retrieved, or nothing passed the contestant, the ranking is
    empty. A contestant's own error comes through as it is.

    Raises:
        ScoreError: The contestant gave a NaN or infinite score.
    """
    return replayed(example, contestant).ranking


def replayed(example: RerankExample, contestant: BaseNodePostprocessor | None) -> Replay:
    """The same as ``replay``, with the time it took and the evaluator's own figures."""
    if not example.candidates:
        return _nothing(0.0)
    recorder = _Recorder(contestant=contestant)
    evaluator = RetrieverEvaluator.from_metric_names(
        list(EVALUATOR_METRICS), retriever=ReplayRetriever(example.candidates), node_postprocessors=[recorder]
    )
    expected = list(dict.fromkeys(passage.key for passage in example.positives))
    try:
        result = _result_of(evaluator.aevaluate(example.query, expected))
    except ValueError:
        if recorder._scores is not None and not recorder._scores:
            return _nothing(recorder._seconds)
        raise
    scores = recorder._scores or {}
    ranking = [(key, scores[key]) for key in result.retrieved_ids]
    return Replay(ranking, recorder._seconds, dict(result.metric_vals_dict))


def _nothing(seconds: float) -> Replay:
    return Replay([], seconds, dict.fromkeys(EVALUATOR_METRICS, 0.0))


def _result_of(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run a coroutine that waits for nothing, as the evaluator's does here, without an event loop.

    ``RetrieverEvaluator`` calls contestants synchronously from a coroutine. Without a running loop around it, one that
    uses ``asyncio.run`` inside works as it does in a query engine, and no loop is made for every question.
    """
    try:
        work.send(None)
    except StopIteration as done:
        result: ResultT = done.value
        return result
    work.close()
    raise RerankTunerError(
        "This version of LlamaIndex's RetrieverEvaluator waits for something while it replays stored candidates. "
        "Install the version that this package was tested with."
    )
