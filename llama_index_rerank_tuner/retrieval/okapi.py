"""``OkapiIndex``: rank-bm25's ``BM25Okapi`` as a sparse matrix, equal to the last bit and without its loop."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.retrieval.top_k import TopK, top_k

K1, B, EPSILON = 1.5, 0.75, 0.25
"""rank-bm25's defaults."""


class OkapiIndex:
    """The BM25 weight of every (term, document) that occurs, computed once, term by term.

    A score is the sum of the weights of a query's terms, each as often as the query holds it (the eager scoring of
    bm25s, Lù 2024). Weights, and the order they are added in, are those of rank-bm25's ``BM25Okapi``, and so are the
    scores, bit for bit.

    Args:
        documents: The terms of each document; taken one by one, so that they need not be in memory together.

    Example:
        >>> index = OkapiIndex([["tax", "form"], ["fee"], ["city", "fee"], ["tax"], ["law"]])
        >>> index.search([["tax", "fee"], ["unknown"]], k=3).ids.tolist()
        [[1, 3, 0], [-1, -1, -1]]
    """

    def __init__(self, documents: Iterable[Sequence[str]]) -> None:
        columns: defaultdict[str, int] = defaultdict()
        columns.default_factory = columns.__len__
        occurrences, lengths = array("i"), array("i")
        for terms in documents:
            occurrences.extend(map(columns.__getitem__, terms))
            lengths.append(len(terms))
        self._column = dict(columns)
        self._lengths = np.frombuffer(lengths, dtype=np.intc)
        rows, counts, self._starts = _count(np.frombuffer(occurrences, dtype=np.intc), self._lengths, len(columns))
        document_frequencies = np.diff(self._starts)
        self._idf = _idf(document_frequencies, len(self._lengths))
        self._rows = rows
        self._weights = self._weigh(rows, counts, document_frequencies)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self._lengths)

    def scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """The score of every document: shape ``(number of documents,)``."""
        return self._sum(self._columns(terms), np.zeros(len(self)))

    def search(self, queries: Iterable[Sequence[str]], k: int) -> TopK:
        """The ``k`` best documents for each query, ties in document order.

        A document that shares no term with the query is never among them, whatever the others score.

        Args:
            queries: The terms of ``n`` queries.
            k: At least 1.
        """
        asked = [self._columns(terms) for terms in queries]
        found = TopK.nothing(len(asked), k)
        scores = np.zeros(len(self))
        for row, columns in enumerate(asked):
            if columns:
                scores.fill(0.0)
                best = self._best(columns, self._sum(columns, scores), k)
                found.ids[row, : len(best)], found.scores[row, : len(best)] = best, scores[best]
        return found

    def _columns(self, terms: Sequence[str]) -> list[int]:
        return [self._column[term] for term in terms if term in self._column]

    def _postings(self, column: int) -> slice:
        return slice(self._starts[column], self._starts[column + 1])

    def _sum(self, columns: Sequence[int], scores: NDArray[np.float64]) -> NDArray[np.float64]:
        for column in columns:
            postings = self._postings(column)
            np.add.at(scores, self._rows[postings], self._weights[postings])
        return scores

    def _best(self, columns: Sequence[int], scores: NDArray[np.float64], k: int) -> NDArray[np.intp]:
        if self._idf[columns].min() > 0:
            return top_k(scores, k, above=0.0)
        # A term that weighs nothing or less is shared all the same: keep apart who shares one and who does not.
        strangers = np.ones(len(self), dtype=bool)
        for column in columns:
            strangers[self._rows[self._postings(column)]] = False
        scores[strangers] = -np.inf
        return top_k(scores, k)

    def _weigh(
        self, rows: NDArray[np.int32], counts: NDArray[np.int32], document_frequencies: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """``BM25Okapi.get_scores``'s weight of each posting, in its order of operations."""
        if not len(rows):
            return np.zeros(0)
        average = int(self._lengths.sum(dtype=np.int64)) / len(self)
        norms = K1 * (1 - B + B * self._lengths / average)
        weights = np.asarray(norms[rows], dtype=np.float64)
        weights += counts
        np.divide(counts * (K1 + 1), weights, out=weights)
        weights *= np.repeat(self._idf, document_frequencies)
        return weights


def _count(
    occurrences: NDArray[np.intc], lengths: NDArray[np.intc], terms: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Postings in order of term and document.

    Returns:
        Document and count of each posting, and where each term's postings start (one more than there are terms).
    """
    documents = max(1, len(lengths))
    keys = occurrences.astype(np.int64)
    keys *= documents
    keys += np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    keys.sort()
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.diff(first, append=len(keys)).astype(np.int32)
    keys = keys[first]
    starts = np.searchsorted(keys, np.arange(terms + 1, dtype=np.int64) * documents)
    keys %= documents
    return keys.astype(np.int32), counts, starts.astype(np.int64)


def _idf(document_frequencies: NDArray[np.int64], documents: int) -> NDArray[np.float64]:
    """``BM25Okapi``'s idf: terms in over half of the documents get a quarter of the average instead of a negative one.

    Terms stand in the order of their first occurrence, and are summed one by one in it, as rank-bm25 does.
    """
    if not len(document_frequencies):
        return np.zeros(0)
    frequencies = document_frequencies.tolist()
    idf = np.array([math.log(documents - n + 0.5) - math.log(n + 0.5) for n in frequencies])
    average: float = np.cumsum(idf)[-1] / len(idf)
    idf[idf < 0] = EPSILON * average
    return idf
