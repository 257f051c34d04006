"""Reciprocal rank fusion of several retrievers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.retrieval.batch import retrieve_batch

RRF_CONSTANT = 60
"""The constant of Cormack, Clarke and Buettcher (SIGIR 2009), section 2."""


class FusionRetriever(BaseRetriever):
    """Ranks nodes by the sum over the sources of ``1 / (60 + rank)`` (reciprocal rank fusion).

    LlamaIndex's ``QueryFusionRetriever`` merges nodes of equal text and wants an LLM; this one merges by node id, asks
    no LLM, and answers a batch of queries at once.

    Args:
        retrievers: Source name to retriever, each asked to its own depth.
        similarity_top_k: Number of nodes a query returns at most.

    Raises:
        ConfigError: There is no source, or ``similarity_top_k`` is not positive.
    """

    def __init__(self, retrievers: Mapping[str, BaseRetriever], similarity_top_k: int = 10) -> None:
        if not retrievers:
            raise ConfigError("FusionRetriever needs at least one retriever.")
        if similarity_top_k < 1:
            raise ConfigError(f"similarity_top_k must be a positive integer, got {similarity_top_k}.")
        super().__init__()
        self.retrievers = dict(retrievers)
        self.similarity_top_k = similarity_top_k

    def retrieve_batch(self, queries: Sequence[str]) -> list[list[NodeWithScore]]:
        """Retrieve for ``n`` queries: ``n`` fused lists, best node first."""
        by_source = [retrieve_batch(retriever, queries) for retriever in self.retrievers.values()]
        return [self._fuse(lists) for lists in zip(*by_source, strict=True)]

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self.retrieve_batch([query_bundle.query_str])[0]

    def _fuse(self, lists: Sequence[list[NodeWithScore]]) -> list[NodeWithScore]:
        nodes = {found.node.node_id: found.node for each in lists for found in each}
        scores = dict.fromkeys(nodes, 0.0)
        for each in lists:
            for rank, node_id in enumerate(dict.fromkeys(found.node.node_id for found in each), start=1):
                scores[node_id] += 1 / (RRF_CONSTANT + rank)
        best = sorted(nodes, key=lambda node_id: -scores[node_id])[: self.similarity_top_k]
        return [NodeWithScore(node=nodes[node_id], score=scores[node_id]) for node_id in best]
