"""Contestants and questions whose figures can be computed by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved


class Sorting(BaseNodePostprocessor):
    """Sorts nodes by a function of their text, best first, and keeps the questions it was asked."""

    key: Callable[[str], float]
    top_n: int = 100
    _asked: list[str] = PrivateAttr(default_factory=list)

    @property
    def asked(self) -> list[str]:
        return self._asked

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        self._asked.append(query_bundle.query_str if query_bundle else "")
        scored = [NodeWithScore(node=each.node, score=self.key(each.node.get_content())) for each in nodes]
        return sorted(scored, key=lambda each: -(each.score or 0.0))[: self.top_n]


def oracle(top_n: int = 100) -> Sorting:
    """Puts texts that say "right" first."""
    return Sorting(key=lambda text: float("right" in text), top_n=top_n)


def by_last_letter() -> Sorting:
    return Sorting(key=lambda text: float(ord(text[-1])))


def question(
    query_id: str,
    candidates: Sequence[str] | None,
    positives: Sequence[str] = ("p",),
    *,
    query: str | None = None,
    group: str | None = None,
) -> RerankExample:
    """Passages by their ids; those whose id begins with ``p`` say that they are right."""
    found = None if candidates is None else tuple(_placed(key, rank) for rank, key in enumerate(candidates, start=1))
    relevant = tuple(Passage(text_of(key), node_id=key, label=1.0) for key in positives)
    return RerankExample(query_id, query or f"question {query_id}", relevant, candidates=found, group=group)


def text_of(key: str) -> str:
    return f"the right text {key}" if key.startswith("p") else f"a wrong text {key}"


def _placed(key: str, rank: int) -> Passage:
    return Passage(text_of(key), node_id=key, retrieved={"bm25": Retrieved(rank, 1 / rank)})


class Shelf(BaseRetriever):
    """Returns the nodes that stand under a question's text, and keeps the questions it was asked."""

    def __init__(self, found: dict[str, Sequence[str]]) -> None:
        super().__init__()
        self.found, self.asked = found, list[str]()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        self.asked.append(query_bundle.query_str)
        keys = self.found[query_bundle.query_str]
        return [
            NodeWithScore(node=TextNode(id_=key, text=text_of(key)), score=1 / rank)
            for rank, key in enumerate(keys, start=1)
        ]
