"""``datasets.Dataset`` in the column layouts that sentence-transformers' cross-encoders train on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from llama_index_rerank_tuner.dataset.files.fields import checked_text, fresh_ids, number, shown
from llama_index_rerank_tuner.dataset.files.lines import Located
from llama_index_rerank_tuner.dataset.formats.hugging_face_export import to_hugging_face
from llama_index_rerank_tuner.dataset.formats.hugging_face_layout import Columns, Layout, columns_of, require_layout
from llama_index_rerank_tuner.dataset.formats.triples import RELEVANT_FROM, JudgedPair, group_pairs
from llama_index_rerank_tuner.dataset.formats.tuples import QueryTuple, gather_tuples
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

__all__ = ["Layout", "from_hugging_face", "is_hugging_face", "to_hugging_face"]

BATCH = 1000
"""Rows taken out of a dataset at a time."""


def from_hugging_face(dataset: Any, split: str | None = None, layout: Layout | None = None) -> list[RerankExample]:
    """Take a dataset in one of sentence-transformers' four layouts.

    The order of the columns is their meaning; one named ``label``, ``labels``, ``score`` or ``scores`` is the label.

    - ``labeled-pair``: query, passage, label. Rows of one query become one question.
    - ``labeled-list``: query, list of passages, list of labels. Each row is a question.
    - ``triplet``: query, positive, negative. Rows of one query become one question.
    - ``n-tuple``: query, positive, negative_1 ... negative_n, likewise.

    A label of 0.5 or more is relevant. A list of ``scores`` beside a triplet or an n-tuple, one for each passage, is
    taken as teacher scores.

    Args:
        dataset: A ``datasets.Dataset``, an ``IterableDataset``, or a ``DatasetDict``.
        split: Which split of a ``DatasetDict``; None where it has only one.
        layout: One of the four; None to detect it from the columns.

    Raises:
        DataError: The layout is ambiguous, or a row cannot be used (``dataset record 3``: the row, from 0).
        ConfigError: ``layout`` is none of the four.

    Example:
        >>> from datasets import Dataset
        >>> rows = {"query": ["Who may apply?"], "positive": ["Firms under 50 staff."], "negative": ["Form AP-2."]}
        >>> [example.negatives[0].text for example in from_hugging_face(Dataset.from_dict(rows))]
        ['Form AP-2.']
    """
    if layout is not None:
        require_layout(layout)
    rows = _rows(_one_split(dataset, split))
    first = next(rows, None)
    if first is None:
        return []
    columns = columns_of(first[1], layout)
    return _PARSERS[columns.layout](chain([first], rows), columns)


def is_hugging_face(value: Any) -> bool:
    """Whether it is a ``datasets`` object, told without importing ``datasets``."""
    if isinstance(value, Mapping):
        return bool(value) and all(is_hugging_face(each) for each in value.values())
    return hasattr(value, "column_names") and hasattr(value, "features") and hasattr(value, "iter")


def _one_split(dataset: Any, split: str | None) -> Any:
    if not isinstance(dataset, Mapping):
        return dataset
    names = ", ".join(map(str, dataset)) or "none"
    if split is None and len(dataset) != 1:
        raise DataError("dataset", f"it has several splits ({names})", "Take one: dataset['train'], or split=...")
    if split is not None and split not in dataset:
        raise DataError("dataset", f"it has no split {shown(split)} (it has {names})", "Name one of them.")
    return next(iter(dataset.values())) if split is None else dataset[split]


def _rows(dataset: Any) -> Iterator[Located]:
    if not is_hugging_face(dataset):
        raise DataError("dataset", f"it is a {type(dataset).__name__}", "Expected a datasets.Dataset.")
    count = 0
    for batch in dataset.with_format(None).iter(batch_size=BATCH):
        for values in zip(*batch.values(), strict=True):
            yield f"dataset record {count}", dict(zip(batch, values, strict=True))
            count += 1


def _labeled_pairs(rows: Iterable[Located], columns: Columns) -> list[RerankExample]:
    (passage,), label = columns.passages, columns.label or "label"
    return group_pairs(
        JudgedPair(
            query=checked_text(where, columns.query, row[columns.query]),
            passage=checked_text(where, passage, row[passage]),
            score=number(where, label, row[label]),
            where=where,
        )
        for where, row in rows
    )


def _labeled_lists(rows: Iterable[Located], columns: Columns) -> list[RerankExample]:
    return [
        _labeled_list(query_id, where, row, columns)
        for query_id, (where, row) in zip(fresh_ids(()), rows, strict=False)
    ]


def _labeled_list(query_id: str, where: str, row: Mapping[str, Any], columns: Columns) -> RerankExample:
    (column,), label = columns.passages, columns.label or "label"
    texts, labels = _list(where, column, row[column]), _list(where, label, row[label])
    if len(texts) != len(labels):
        raise DataError(where, f'"{column}" has {len(texts)} texts, "{label}" {len(labels)}', "Make them equally long.")
    passages = [
        Passage(checked_text(where, column, text), label=number(where, label, grade))
        for text, grade in zip(texts, labels, strict=True)
    ]
    return RerankExample(
        query_id,
        checked_text(where, columns.query, row[columns.query]),
        positives=tuple(each for each in passages if (each.label or 0) >= RELEVANT_FROM),
        negatives=tuple(each for each in passages if (each.label or 0) < RELEVANT_FROM),
        where=where,
    )


def _list(where: str, name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise DataError(where, f'"{name}" is a {type(value).__name__}', "Expected a list.")
    return value


def _tuples(rows: Iterable[Located], columns: Columns) -> list[RerankExample]:
    return gather_tuples(_tuple(where, row, columns) for where, row in rows)


def _tuple(where: str, row: Mapping[str, Any], columns: Columns) -> QueryTuple:
    scores = _teacher_scores(where, row, columns)
    passages = [
        Passage(checked_text(where, name, row[name]), label=0.0 if place else 1.0, teacher_score=score)
        for place, (name, score) in enumerate(zip(columns.passages, scores, strict=True))
    ]
    query = checked_text(where, columns.query, row[columns.query])
    return QueryTuple(where, query, passages[0], passages[1:])


def _teacher_scores(where: str, row: Mapping[str, Any], columns: Columns) -> Sequence[float | None]:
    label, wanted = columns.label, len(columns.passages)
    if label is None:
        return [None] * wanted
    scores = row[label]
    if not isinstance(scores, list) or len(scores) != wanted:
        raise DataError(
            where,
            f'"{label}" is {shown(scores)}',
            f"Beside a {columns.layout}: a list of {wanted} scores, or no column.",
        )
    return [number(where, label, score) for score in scores]


_PARSERS = {
    "labeled-pair": _labeled_pairs,
    "labeled-list": _labeled_lists,
    "triplet": _tuples,
    "n-tuple": _tuples,
}
