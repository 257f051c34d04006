"""Triples: ``{"query", "passage", "score"}``, one judged pair a record, as JSONL, a JSON list, CSV or TSV.

``question`` stands for ``query``; ``context``, ``text`` and ``document`` for ``passage``; ``label`` and ``relevance``
for ``score``. ``query_id``, ``passage_id`` and ``group`` (the source document) are optional.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from llama_index_rerank_tuner.dataset.files.fields import (
    checked_text,
    fresh_ids,
    number,
    optional_text,
    plain_number,
    present_keys,
    shown,
)
from llama_index_rerank_tuner.dataset.files.lines import Located, read_records
from llama_index_rerank_tuner.dataset.files.writing import write_records
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

logger = logging.getLogger(__name__)

RELEVANT_FROM = 0.5
"""A score of at least this is relevant: right for 0/1 labels and for grades from 1 up."""

QUERY_NAMES = ("query", "question")
PASSAGE_NAMES = ("passage", "context", "text", "document")
SCORE_NAMES = ("score", "label", "relevance")
COLUMNS = ("query", "passage", "score", "query_id", "passage_id", "group")


class JudgedPair(NamedTuple):
    """One triple: a query, a passage and how relevant it is, with the place it was read from."""

    query: str
    passage: str
    score: float
    query_id: str | None = None
    passage_id: str | None = None
    group: str | None = None
    where: str | None = None


def read_triples(path: str | Path) -> list[RerankExample]:
    """Read a triples file; pairs of one query become one example.

    Equal passages are one object in memory, however many queries they stand under.

    Raises:
        DataError: Names the file and the line of the first record that cannot be used.
    """
    return group_triples(read_records(Path(path)))


def iter_triples(path: str | Path) -> Iterator[JudgedPair]:
    r"""Read a triples file pair by pair, holding one at a time.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "train.csv"
        ...     _ = path.write_text("question,context,label\nWhich form?,The form is AP-2.,1\n")
        ...     [(pair.query, pair.passage, pair.score) for pair in iter_triples(path)]
        [('Which form?', 'The form is AP-2.', 1.0)]

    Raises:
        DataError: Names the file and the line of the first record that cannot be used.
    """
    return (judged_pair(where, record) for where, record in read_records(Path(path)))


def judged_pair(where: str, record: dict[str, Any]) -> JudgedPair:
    """Check one record of a triples file.

    Raises:
        DataError: A key is missing, its value cannot be used, or two names of one thing differ.
    """
    return JudgedPair(
        query=checked_text(where, *_named(where, record, QUERY_NAMES)),
        passage=checked_text(where, *_named(where, record, PASSAGE_NAMES)),
        score=number(where, *_named(where, record, SCORE_NAMES)),
        query_id=optional_text(where, record, "query_id"),
        passage_id=optional_text(where, record, "passage_id"),
        group=optional_text(where, record, "group"),
        where=where,
    )


def _named(where: str, record: dict[str, Any], names: Sequence[str]) -> tuple[str, Any]:
    """Which of the names stands in the record, and its value; one with a value goes before one without."""
    given = [name for name in names if name in record]
    if not given:
        usual, hint = names[0], ": 1 for relevant, 0 for not" if names is SCORE_NAMES else ""
        problem = f'the key "{usual}" is missing (it has {present_keys(record)})'
        raise DataError(where, problem, f'Add "{usual}"{hint}.')
    filled = [name for name in given if record[name] is not None] or given
    for other in filled[1:]:
        if record[other] != record[filled[0]]:
            values = f'"{filled[0]}" is {shown(record[filled[0]])} and "{other}" is {shown(record[other])}'
            raise DataError(where, values, "They mean the same thing: keep one, or rename the other.")
    return filled[0], record[filled[0]]


def group_triples(located: Iterable[Located]) -> list[RerankExample]:
    """Gather judged pairs by query (and by ``query_id`` and ``group`` where they are given), in order of appearance.

    Raises:
        DataError: A record lacks a key, or its score is no number.
    """
    return group_pairs(judged_pair(where, record) for where, record in located)


def group_pairs(pairs: Iterable[JudgedPair]) -> list[RerankExample]:
    """Gather judged pairs by query (and by ``query_id`` and ``group`` where they are given), in order of appearance."""
    gathered: dict[tuple[str, str | None, str | None], list[Passage]] = {}
    passages: dict[tuple[str, str | None, float], Passage] = {}
    places: list[str | None] = []
    for pair in pairs:
        key = (pair.query, pair.query_id, pair.group)
        if key not in gathered:
            places.append(pair.where)
        judged = (pair.passage, pair.passage_id, pair.score)
        if judged not in passages:
            passages[judged] = Passage(pair.passage, node_id=pair.passage_id, label=pair.score)
        gathered.setdefault(key, []).append(passages[judged])
    fresh = fresh_ids(query_id for _, query_id, _ in gathered)
    return [
        RerankExample(
            query_id=query_id if query_id is not None else next(fresh),
            query=query,
            positives=tuple(passage for passage in judged_passages if _is_relevant(passage)),
            negatives=tuple(passage for passage in judged_passages if not _is_relevant(passage)),
            group=group,
            where=where,
        )
        for ((query, query_id, group), judged_passages), where in zip(gathered.items(), places, strict=True)
    ]


def _is_relevant(passage: Passage) -> bool:
    return passage.label is not None and passage.label >= RELEVANT_FROM


def write_triples(examples: Iterable[RerankExample | JudgedPair], path: str | Path) -> None:
    """Write one record a judged pair, with ids and group where they are known.

    The file's name chooses the form: ``.json`` a list, ``.csv`` and ``.tsv`` a table, every other name JSONL. The
    pairs are written as they come, so ``write_triples(iter_triples(old), new)`` holds one at a time. Queries without a
    judged passage have no place in triples: they are left out, and counted in the log.

    Raises:
        DataError: A passage's grade would put it on the other side when it is read back.
    """
    write_records(triples(examples), path, COLUMNS)


def triples(examples: Iterable[RerankExample | JudgedPair]) -> Iterator[dict[str, Any]]:
    """Flatten examples into triples: positives first, then negatives."""
    left_out = 0
    for example in examples:
        if isinstance(example, JudgedPair):
            yield _plain(example)
            continue
        left_out += not (example.positives or example.negatives)
        for passages, usual in ((example.positives, 1.0), (example.negatives, 0.0)):
            for passage in passages:
                yield _plain(_pair(example, passage, usual))
    if left_out:
        logger.warning("%d queries without a judged passage are left out of the triples.", left_out)


def _pair(example: RerankExample, passage: Passage, usual: float) -> JudgedPair:
    label = usual if passage.label is None else passage.label
    if (label >= RELEVANT_FROM) != (usual >= RELEVANT_FROM):
        side = "positive" if usual else "negative"
        problem = f"a {side} has the label {label:g}, which triples read as the opposite"
        raise DataError(example.place, problem, "Change the label, or write groups, which keep the sides apart.")
    return JudgedPair(example.query, passage.text, label, example.query_id, passage.node_id, example.group)


def _plain(pair: JudgedPair) -> dict[str, Any]:
    return pair._asdict() | {"score": plain_number(pair.score), "where": None}
