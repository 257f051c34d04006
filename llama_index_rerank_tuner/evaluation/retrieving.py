"""Asking a retriever once for every question of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from tqdm import tqdm

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.nodes import passage_of
from llama_index_rerank_tuner.evaluation.contest import Contest
from llama_index_rerank_tuner.evaluation.memory import RetrieverMemory
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved
from llama_index_rerank_tuner.retrieval import retrieve_batch
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore

SOURCE = "retriever"
"""The name under which passages keep their rank and score."""

TOGETHER = 64
"""Questions asked at once of a retriever that takes many; after a kill at most so many are asked again."""


def with_retrieved(dataset: RerankDataset, retriever: BaseRetriever, contest: Contest) -> list[RerankExample]:
    """The questions with what the retriever returns for each, in its order; what they had before is left out.

    Each different question is asked once. A retriever with a ``retrieve_batch`` is asked many at once, any other one
    by as many workers as the contest has.
    """
    memory = RetrieverMemory(contest.journal, retriever, asdict(dataset.contract))
    found = {query: memory.recall(query) for query in dict.fromkeys(example.query for example in dataset)}
    missing = [query for query, passages in found.items() if passages is None]
    size = TOGETHER if hasattr(retriever, "retrieve_batch") else 1
    groups = [missing[start : start + size] for start in range(0, len(missing), size)]

    def ask(queries: Sequence[str]) -> list[list[Passage]]:
        lists = [_passages(nodes, dataset.contract) for nodes in retrieve_batch(retriever, queries)]
        for query, passages in zip(queries, lists, strict=True):
            memory.keep(query, passages)
        return lists

    with tqdm(total=len(missing), desc="benchmark: retrieving", disable=not contest.show_progress) as bar:
        for queries, lists in zip(groups, contest.answers(ask, groups), strict=True):
            found.update(zip(queries, lists, strict=True))
            bar.update(len(queries))
    return [_judged(example, found[example.query] or ()) for example in dataset]


def _passages(nodes: Sequence[NodeWithScore], contract: TextContract) -> list[Passage]:
    passages: dict[str, Passage] = {}
    for rank, each in enumerate(nodes, start=1):
        if each.node.node_id not in passages:
            place = Retrieved(rank, float(each.score or 0.0))
            passages[each.node.node_id] = replace(passage_of(each.node, contract), retrieved={SOURCE: place})
    return list(passages.values())


def _judged(example: RerankExample, found: Sequence[Passage]) -> RerankExample:
    labels = {passage.key: passage.label for passage in (*example.negatives, *example.positives)}
    return replace(example, candidates=tuple(replace(passage, label=labels.get(passage.key)) for passage in found))
