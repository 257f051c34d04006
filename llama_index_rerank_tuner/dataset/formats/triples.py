"""Triples: ``{"query", "passage", "score"}``, a JSON list or JSONL, one judged pair a record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset.formats.lines import (
    Located,
    fresh_ids,
    number,
    optional_text,
    read_records,
    required_text,
)
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

RELEVANT_FROM = 0.5
"""A score of at least this is relevant: right for 0/1 labels and for grades from 1 up."""


def read_triples(path: str | Path) -> list[RerankExample]:
    """Read a triples file; pairs of one query become one example.

    Raises:
        DataError: Names the file and the line of the first record that cannot be used.
    """
    return group_triples(read_records(Path(path)))


def group_triples(located: Iterable[Located]) -> list[RerankExample]:
    """Gather judged pairs by query (and by ``query_id`` and ``group`` where they are given), in order of appearance.

    Raises:
        DataError: A record lacks a key, or its score is no number.
    """
    gathered: dict[tuple[str, str | None, str | None], list[Passage]] = {}
    places: list[str] = []
    for where, record in located:
        query = required_text(where, record, "query")
        key = (query, optional_text(where, record, "query_id"), optional_text(where, record, "group"))
        if key not in gathered:
            places.append(where)
        gathered.setdefault(key, []).append(_judged_passage(where, record))
    fresh = fresh_ids(query_id for _, query_id, _ in gathered)
    return [
        RerankExample(
            query_id=query_id if query_id is not None else next(fresh),
            query=query,
            positives=tuple(p for p in passages if _is_relevant(p)),
            negatives=tuple(p for p in passages if not _is_relevant(p)),
            group=group,
            where=where,
        )
        for ((query, query_id, group), passages), where in zip(gathered.items(), places, strict=True)
    ]


def _is_relevant(passage: Passage) -> bool:
    return passage.label is not None and passage.label >= RELEVANT_FROM


def _judged_passage(where: str, record: dict[str, Any]) -> Passage:
    text = required_text(where, record, "passage")
    if "score" not in record:
        raise DataError(where, 'the key "score" is missing', 'Add "score": 1 for relevant, 0 for not.')
    label = number(where, "score", record["score"])
    return Passage(text, node_id=optional_text(where, record, "passage_id"), label=label)


def write_triples(examples: Iterable[RerankExample], path: str | Path) -> None:
    """Write one JSONL record a judged pair, with ids and group where they are known."""
    with Path(path).open("w", encoding="utf-8") as stream:
        for record in triples(examples):
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")


def triples(examples: Iterable[RerankExample]) -> Iterator[dict[str, Any]]:
    """Flatten examples into triples: positives first, then negatives."""
    for example in examples:
        for passages, default in ((example.positives, 1), (example.negatives, 0)):
            for passage in passages:
                yield _triple(example, passage, default)


def _triple(example: RerankExample, passage: Passage, default: int) -> dict[str, Any]:
    label = default if passage.label is None else passage.label
    record = {
        "query": example.query,
        "passage": passage.text,
        "score": int(label) if float(label).is_integer() else label,
        "query_id": example.query_id,
        "passage_id": passage.node_id,
        "group": example.group,
    }
    return {key: value for key, value in record.items() if value is not None}
