"""``OkapiIndex``: rank-bm25's weights on bm25s's engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.retrieval.top_k import TopK, top_k


class OkapiIndex:
    """rank-bm25's ``BM25Okapi``, with bm25s's sparse scores in place of its loop over the corpus.

    ``BM25Okapi`` gives the statistics (k1 1.5, b 0.75, epsilon 0.25); loaded as a sparse matrix into bm25s (Lù 2024)
    they give its scores to 1e-9. Scores of a query are rounded to 12 digits after the point, so that documents with the
    same terms tie whatever the order their weights were added in.

    Args:
        documents: The terms of each document.

    Example:
        >>> index = OkapiIndex([["tax", "form"], ["fee"], ["city", "fee"], ["tax"], ["law"]])
        >>> index.search([["tax", "fee"], ["unknown"]], k=3).ids.tolist()
        [[1, 3, 0], [-1, -1, -1]]
    """

    def __init__(self, documents: Iterable[Sequence[str]]) -> None:
        terms = [list(document) for document in documents]
        self._count = len(terms)
        self._index = _index(terms) if any(terms) else None

    def __len__(self) -> int:
        """Number of documents."""
        return self._count

    def scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """The score of every document: shape ``(number of documents,)``."""
        return self._sum(self._columns(terms))

    def search(self, queries: Iterable[Sequence[str]], k: int) -> TopK:
        """The ``k`` best documents for each query, ties in document order.

        A document that shares no term with the query is never among them, whatever the others score.

        Args:
            queries: The terms of ``n`` queries.
            k: At least 1.
        """
        asked = [self._columns(terms) for terms in queries]
        found = TopK.nothing(len(asked), k)
        for row, columns in enumerate(asked):
            if columns:
                scores = self._sum(columns)
                best = self._best(columns, scores, k)
                found.ids[row, : len(best)], found.scores[row, : len(best)] = best, scores[best]
        return found

    def _columns(self, terms: Sequence[str]) -> list[int]:
        if self._index is None:
            return []
        known: dict[str, int] = self._index.vocab_dict
        return [known[term] for term in terms if term in known]

    def _sum(self, columns: Sequence[int]) -> NDArray[np.float64]:
        if self._index is None or not columns:
            return np.zeros(self._count)
        scores: NDArray[np.float64] = self._index.get_scores_from_ids(list(columns))
        return scores.round(12)

    def _best(self, columns: Sequence[int], scores: NDArray[np.float64], k: int) -> NDArray[np.intp]:
        postings = [self._postings(column) for column in columns]
        if all(self._weights(each).min() > 0 for each in postings):
            return top_k(scores, k, above=0.0)
        # A term that weighs nothing or less is shared all the same: keep apart who shares one and who does not.
        strangers = np.ones(self._count, dtype=bool)
        for each in postings:
            strangers[self._matrix["indices"][each]] = False
        scores = scores.copy()
        scores[strangers] = -np.inf
        return top_k(scores, k)

    @property
    def _matrix(self) -> Any:
        return self._index.scores  # type: ignore[union-attr]  # only asked where a query has a known term

    def _postings(self, column: int) -> slice:
        return slice(self._matrix["indptr"][column], self._matrix["indptr"][column + 1])

    def _weights(self, postings: slice) -> NDArray[np.float64]:
        weights: NDArray[np.float64] = self._matrix["data"][postings]
        return weights


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
