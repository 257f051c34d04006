"""Tuples of a query, a positive and negatives: rows of one query become one question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from llama_index_rerank_tuner.dataset.files.fields import fresh_ids
from llama_index_rerank_tuner.records import Passage, RerankExample


class QueryTuple(NamedTuple):
    """One row: where it stands, its query, its positive and its negatives."""

    where: str
    query: str
    positive: Passage
    negatives: Sequence[Passage]


def gather_tuples(rows: Iterable[QueryTuple]) -> list[RerankExample]:
    """Gather rows by query, in order of appearance.

    Such rows repeat the positive beside each negative, so a text counts once on each side. A text that stands on both
    sides is kept on both: the audit reports it.

    Equal passages are one object in memory.

    Args:
        rows: The rows, in order.

    Example:
        >>> grant, form = Passage("Firms under 50 staff.", label=1.0), Passage("The form is AP-2.", label=0.0)
        >>> rows = [QueryTuple("a.tsv line 1", "Who may apply?", grant, [form])] * 2
        >>> [(len(e.positives), len(e.negatives)) for e in gather_tuples(rows)]
        [(1, 1)]
    """
    gathered: dict[str, tuple[str, dict[str, Passage], dict[str, Passage]]] = {}
    passages: dict[tuple[str, float | None, float | None], Passage] = {}

    def one_object(passage: Passage) -> Passage:
        return passages.setdefault((passage.text, passage.label, passage.teacher_score), passage)

    for where, query, positive, negatives in rows:
        _, relevant, irrelevant = gathered.setdefault(query, (where, {}, {}))
        relevant.setdefault(positive.text, one_object(positive))
        for negative in negatives:
            irrelevant.setdefault(negative.text, one_object(negative))
    ids = fresh_ids(())
    return [
        RerankExample(next(ids), query, tuple(relevant.values()), tuple(irrelevant.values()), where=where)
        for query, (where, relevant, irrelevant) in gathered.items()
    ]
