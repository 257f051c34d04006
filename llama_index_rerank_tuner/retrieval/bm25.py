"""BM25 with rank-bm25's weights on bm25s's engine, for Chinese, English and mixed text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.retrieval.batch import nodes_found
from llama_index_rerank_tuner.retrieval.lexical_text import lexical_text
from llama_index_rerank_tuner.retrieval.okapi import OkapiIndex
from llama_index_rerank_tuner.retrieval.segmentation import segment
from llama_index_rerank_tuner.retrieval.segmenting import segment_all
from llama_index_rerank_tuner.retrieval.top_k import TopK


class BM25JiebaRetriever(BaseRetriever):
    """Lexical retriever whose scores equal rank-bm25's ``BM25Okapi.get_scores`` to 1e-9, without its corpus loop.

    Parameters are rank-bm25's own (k1 1.5, b 0.75, epsilon 0.25). A node that shares no term with the query is never
    returned. Nodes and queries are searched as ``lexical_text`` mends them; the nodes themselves stay as they are.

    Args:
        nodes: The nodes to search. Their text with embedding metadata is indexed.
        similarity_top_k: Number of nodes a query returns at most.
        cache_dir: Folder where the nodes' terms are kept by content, so that jieba cuts no text twice; None for
            nowhere.
        processes: Processes that run jieba; None for one a core where there is enough Chinese text to pay for it.

    Raises:
        ConfigError: ``similarity_top_k`` or ``processes`` is not positive.
        DataError: The cache's file cannot be used.

    Example:
        >>> from llama_index.core.schema import TextNode
        >>> texts = ["研发费用加计扣除如何申报", "高新技术企业认定条件", "城市停车收费标准"]
        >>> retriever = BM25JiebaRetriever([TextNode(text=text) for text in texts])
        >>> [found.node.text for found in retriever.retrieve("怎么申报研发费用")]
        ['研发费用加计扣除如何申报']
    """

    def __init__(
        self,
        nodes: Sequence[BaseNode],
        similarity_top_k: int = 10,
        *,
        cache_dir: str | Path | None = None,
        processes: int | None = None,
    ) -> None:
        if similarity_top_k < 1:
            raise ConfigError(f"similarity_top_k must be a positive integer, got {similarity_top_k}.")
        super().__init__()
        self.similarity_top_k = similarity_top_k
        self._nodes = list(nodes)
        texts = [lexical_text(node.get_content(metadata_mode=MetadataMode.EMBED)) for node in self._nodes]
        self._index = OkapiIndex(segment_all(texts, cache_dir, processes))

    def scores(self, query: str) -> NDArray[np.float64]:
        """BM25 score of every node: shape ``(number of nodes,)``."""
        return self._index.scores(lexical_terms(query))

    def search(self, queries: Sequence[str], k: int | None = None) -> TopK:
        """Find nodes as arrays, for whoever does not need node objects.

        Args:
            queries: ``n`` query texts.
            k: Nodes for each query; None for ``similarity_top_k``.

        Returns:
            Positions in ``nodes`` and float64 scores, both of shape ``(n, k)``, best first, ties in node order.

        Raises:
            ConfigError: ``k`` is not positive.
        """
        wanted = self.similarity_top_k if k is None else k
        if wanted < 1:
            raise ConfigError(f"k must be a positive integer, got {wanted}.")
        return self._index.search(map(lexical_terms, queries), wanted)

    def retrieve_batch(self, queries: Sequence[str]) -> list[list[NodeWithScore]]:
        """Retrieve for ``n`` queries: ``n`` lists, best node first, ties in node order."""
        return nodes_found(self._nodes, self.search(queries))

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self.retrieve_batch([query_bundle.query_str])[0]


def lexical_terms(text: str) -> list[str]:
    r"""The terms that a text is searched by: mended, then cut.

    Example:
        >>> lexical_terms("研发费\n用")
        ['研发', '费用']
    """
    return segment(lexical_text(text))
