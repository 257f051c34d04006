"""Asking any LlamaIndex retriever many questions, and the answer as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import BaseNode, NodeWithScore

    from llama_index_rerank_tuner.retrieval.top_k import TopK


def retrieve_batch(
    retriever: BaseRetriever, queries: Sequence[str], show_progress: bool = False
) -> list[list[NodeWithScore]]:
    """Retrieve for every query, each different text once, through ``retrieve_batch`` where the retriever has one.

    Args:
        retriever: Any LlamaIndex retriever.
        queries: ``n`` query texts.
        show_progress: Show a progress bar.

    Returns:
        ``n`` lists of nodes, in the retriever's order.
    """
    different = list(dict.fromkeys(queries))
    batched = getattr(retriever, "retrieve_batch", None)
    if batched is not None:
        found = batched(different)
    else:
        found = [retriever.retrieve(query) for query in tqdm(different, "retrieving", disable=not show_progress)]
    by_query = dict(zip(different, found, strict=True))
    return [by_query[query] for query in queries]


def nodes_found(nodes: Sequence[BaseNode], found: TopK) -> list[list[NodeWithScore]]:
    """The nodes behind the arrays, with their scores: ``n`` lists, best node first."""
    from llama_index.core.schema import NodeWithScore

    return [
        [NodeWithScore(node=nodes[i], score=score) for i, score in zip(ids, scores, strict=True) if i >= 0]
        for ids, scores in zip(found.ids.tolist(), found.scores.tolist(), strict=True)
    ]
