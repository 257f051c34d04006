"""Replaying one stored candidate list to every contestant, through LlamaIndex's ``RetrieverEvaluator``."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.evaluation import RetrieverEvaluator
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index_rerank_tuner.dataset.nodes import node_of
from llama_index_rerank_tuner.records import Passage, RerankExample

Ranking = list[tuple[str, float]]
"""Passage keys with the contestant's scores, best first."""


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
    """Passes nodes through a contestant and remembers what came out, scores and all."""

    contestant: BaseNodePostprocessor | None = Field(default=None)
    _ranking: Ranking = PrivateAttr(default_factory=list)
    _failure: Exception | None = PrivateAttr(default=None)
    _asked: bool = PrivateAttr(default=False)

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        ranked = nodes
        if self.contestant is not None:
            try:
                ranked = self.contestant.postprocess_nodes(nodes, query_bundle=query_bundle)
            except Exception as failure:
                self._failure = failure
                raise
        self._asked = True
        self._ranking = [(each.node.node_id, float(each.score or 0.0)) for each in ranked]
        return ranked


def replay(example: RerankExample, contestant: BaseNodePostprocessor | None) -> Ranking:
    """Rank a question's candidates with one contestant; None keeps the retriever's order.

    Where ``RetrieverEvaluator`` raises because nothing was retrieved, or nothing passed the contestant, the ranking is
    empty. A contestant's own error comes through as it is, not as the evaluator's async runner reports it.
    """
    if not example.candidates:
        return []
    recorder = _Recorder(contestant=contestant)
    evaluator = RetrieverEvaluator.from_metric_names(
        ["hit_rate"], retriever=ReplayRetriever(example.candidates), node_postprocessors=[recorder]
    )
    try:
        result = evaluator.evaluate(example.query, [passage.key for passage in example.positives])
    except Exception:
        if recorder._failure is not None:
            raise recorder._failure from None
        if recorder._asked and not recorder._ranking:
            return []
        raise
    scores = dict(recorder._ranking)
    return [(key, scores[key]) for key in result.retrieved_ids]
