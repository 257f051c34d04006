"""Asking the retrievers: which passages stand where, for every query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.nodes import passage_of
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved
from llama_index_rerank_tuner.retrieval import retrieve_batch
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore


def candidate_lists(
    queries: Sequence[str],
    retrievers: Mapping[str, BaseRetriever],
    contract: TextContract,
    show_progress: bool = False,
) -> list[list[Passage]]:
    """What the sources return for every query, merged by node, each passage with its rank and score in each source.

    Args:
        queries: ``n`` query texts.
        retrievers: Source name to retriever, each asked to its own depth.
        contract: How a node becomes text.
        show_progress: Show a progress bar for sources that are asked one query at a time.

    Returns:
        ``n`` lists of passages, in the order of their best rank in any source.
    """
    merged: list[dict[str, Passage]] = [{} for _ in queries]
    for source, retriever in retrievers.items():
        for seen, found in zip(merged, retrieve_batch(retriever, queries, show_progress), strict=True):
            _merge(seen, source, found, contract)
    return [sorted(seen.values(), key=_best_rank) for seen in merged]


def _merge(seen: dict[str, Passage], source: str, found: Sequence[NodeWithScore], contract: TextContract) -> None:
    for rank, each in enumerate(found, start=1):
        passage = seen.get(each.node.node_id) or passage_of(each.node, contract)
        if source not in passage.retrieved:
            place = Retrieved(rank, float(each.score or 0.0))
            seen[passage.key] = replace(passage, retrieved={**passage.retrieved, source: place})


def _best_rank(passage: Passage) -> int:
    return min(place.rank for place in passage.retrieved.values())


def attach_candidates(
    dataset: RerankDataset, retriever: BaseRetriever, name: str, show_progress: bool = False
) -> RerankDataset:
    """Give every question the list that the app's retriever really returns for it.

    Args:
        dataset: The questions.
        retriever: The app's retriever, at the depth it is reranked to.
        name: Its name in the trail.
        show_progress: Show a progress bar.
    """
    queries = [example.query for example in dataset]
    lists = candidate_lists(queries, {name: retriever}, dataset.contract, show_progress)
    return dataset.with_examples(
        replace(example, candidates=_judged(example, found)) for example, found in zip(dataset, lists, strict=True)
    )


def _judged(example: RerankExample, found: Sequence[Passage]) -> tuple[Passage, ...]:
    labels = {passage.key: passage.label for passage in (*example.negatives, *example.positives)}
    return tuple(replace(passage, label=labels.get(passage.key)) for passage in found)
