"""Retrievers, guards and data sets that the tests of mining share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import BaseNode, NodeWithScore, QueryBundle, TextNode

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator
from llama_index_rerank_tuner.mining.guards.guard import KEEP, Decision
from llama_index_rerank_tuner.records import Passage, RerankExample

unguarded = partial(HardNegativeDatasetGenerator, guards=())
"""Without guards, which would take most of these made-up texts for near duplicates."""

NODES = [TextNode(id_=f"n{i:02}", text=f"text {i}") for i in range(20)]


class Listed(BaseRetriever):
    """Returns the same (id, score) pairs for every query; may fail or wait first."""

    def __init__(
        self, found: Sequence[tuple[str, float | None]], before: Callable[[str], None] = lambda query: None
    ) -> None:
        super().__init__()
        self.found, self.before, self.asked = found, before, list[str]()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        self.asked.append(query_bundle.query_str)
        self.before(query_bundle.query_str)
        return [NodeWithScore(node=TextNode(id_=id_, text="x"), score=score) for id_, score in self.found]


def descending(*numbers: int, top: float = 10.0) -> list[tuple[str, float | None]]:
    """Nodes by number, with scores that fall by one."""
    return [(f"n{number:02}", top - place) for place, number in enumerate(numbers)]


class Rule:
    """A guard that decides by a table of node ids."""

    def __init__(self, name: str, decisions: Mapping[str, Decision]) -> None:
        self.name, self.decisions = name, decisions
        self.prepared: list[tuple[int, int]] = []
        self.shown: list[list[str]] = []
        self.examples: list[RerankExample] = []

    def prepare(self, dataset: RerankDataset, nodes: Sequence[BaseNode]) -> None:
        self.prepared.append((len(dataset), len(nodes)))

    def decide(self, example: RerankExample, candidates: Sequence[Passage]) -> list[Decision]:
        self.shown.append([passage.key for passage in candidates])
        self.examples.append(example)
        return [self.decisions.get(passage.key, KEEP) for passage in candidates]


def questions(positives: Mapping[str, Sequence[int]], **fields: Any) -> RerankDataset:
    """A data set of one question for each id, with the positives' numbers."""
    return RerankDataset.build(
        RerankExample(
            id_,
            f"question {id_}",
            tuple(Passage(NODES[i].text, node_id=NODES[i].node_id, label=1.0) for i in numbers),
            **fields,
        )
        for id_, numbers in positives.items()
    )


def ids(dataset: RerankDataset, index: int = 0) -> list[str]:
    """Ids of a question's negatives."""
    return [passage.key for passage in dataset[index].negatives]
