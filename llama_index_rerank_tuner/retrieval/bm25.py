"""BM25 with rank-bm25's weights on bm25s's engine, for Chinese, English and mixed text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.retrieval.segmentation import segment


class BM25JiebaRetriever(BaseRetriever):
    """Lexical retriever whose scores equal rank-bm25's ``BM25Okapi.get_scores``.

    ``BM25Okapi`` gives the statistics (k1 1.5, b 0.75, epsilon 0.25); loaded as a sparse matrix into bm25s they give
    the same scores without its loop over the corpus. A node that shares no term with the query is never returned.

    Args:
        nodes: The nodes to search. Their text with embedding metadata is indexed.
        similarity_top_k: Number of nodes a query returns at most.

    Raises:
        ConfigError: ``similarity_top_k`` is not positive.

    Example:
        >>> from llama_index.core.schema import TextNode
        >>> texts = ["研发费用加计扣除如何申报", "高新技术企业认定条件", "城市停车收费标准"]
        >>> retriever = BM25JiebaRetriever([TextNode(text=text) for text in texts])
        >>> [found.node.text for found in retriever.retrieve("怎么申报研发费用")]
        ['研发费用加计扣除如何申报']
    """

    def __init__(self, nodes: Sequence[BaseNode], similarity_top_k: int = 10) -> None:
        if similarity_top_k < 1:
            raise ConfigError(f"similarity_top_k must be a positive integer, got {similarity_top_k}.")
        super().__init__()
        self.similarity_top_k = similarity_top_k
        self._nodes = list(nodes)
        terms = [segment(node.get_content(metadata_mode=MetadataMode.EMBED)) for node in self._nodes]
        self._index = _index(terms) if any(terms) else None

    def scores(self, query: str) -> NDArray[np.float64]:
        """BM25 score of every node: shape ``(number of nodes,)``."""
        if self._index is None:
            return np.zeros(len(self._nodes))
        scores: NDArray[np.float64] = self._index.get_scores_from_ids(self._known_terms(query))
        return scores

    def retrieve_batch(self, queries: Sequence[str]) -> list[list[NodeWithScore]]:
        """Retrieve for ``n`` queries: ``n`` lists, best node first, ties in node order."""
        return [self._best(query) for query in queries]

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._best(query_bundle.query_str)

    def _best(self, query: str) -> list[NodeWithScore]:
        matching = self._sharing_a_term(query)
        scores = self.scores(query)[matching]
        order = np.lexsort((matching, -scores))[: self.similarity_top_k]
        return [NodeWithScore(node=self._nodes[matching[i]], score=float(scores[i])) for i in order]

    def _known_terms(self, query: str) -> list[int]:
        return [] if self._index is None else self._index.get_tokens_ids(segment(query))

    def _sharing_a_term(self, query: str) -> NDArray[np.int64]:
        """Positions of the nodes that share a term with the query; a shared term may weigh nothing or less."""
        terms = self._known_terms(query)
        if self._index is None or not terms:
            return np.empty(0, dtype=np.int64)
        indices, starts = self._index.scores["indices"], self._index.scores["indptr"]
        postings = [indices[starts[term] : starts[term + 1]] for term in dict.fromkeys(terms)]
        return np.unique(np.concatenate(postings)).astype(np.int64)


def _index(terms: Sequence[Sequence[str]]) -> Any:
    """A bm25s index holding BM25Okapi's weight of every (term, document) that occurs, column by term.

    bm25s converts the arrays on every query unless they have its own types: float64, int32 indices, int64 indptr.
    """
    from bm25s import BM25
    from rank_bm25 import BM25Okapi

    statistics = BM25Okapi(terms)
    vocabulary = {term: column for column, term in enumerate(statistics.idf)}
    rows, columns, counts = _occurrences(statistics.doc_freqs, vocabulary)
    idf = np.fromiter(statistics.idf.values(), dtype=np.float64, count=len(vocabulary))
    lengths = np.asarray(statistics.doc_len, dtype=np.float64)[rows]
    k1, b = statistics.k1, statistics.b
    weights = idf[columns] * (counts * (k1 + 1) / (counts + k1 * (1 - b + b * lengths / statistics.avgdl)))
    by_term = np.lexsort((rows, columns))
    index = BM25(method="atire", k1=k1, b=b, dtype="float64")
    index.scores = {
        "data": weights[by_term],
        "indices": rows[by_term].astype(np.int32),
        "indptr": np.concatenate(([0], np.cumsum(np.bincount(columns, minlength=len(vocabulary))))).astype(np.int64),
        "num_docs": len(terms),
    }
    index.vocab_dict, index.nonoccurrence_array = vocabulary, None
    return index


def _occurrences(
    frequencies: Sequence[dict[str, int]], vocabulary: dict[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Document, term and count of every occurrence, as three arrays of equal length."""
    total = sum(map(len, frequencies))
    rows = np.repeat(np.arange(len(frequencies)), [len(each) for each in frequencies])
    columns = np.fromiter((vocabulary[t] for each in frequencies for t in each), dtype=np.int64, count=total)
    counts = np.fromiter((n for each in frequencies for n in each.values()), dtype=np.float64, count=total)
    return rows, columns, counts
