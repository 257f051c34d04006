"""Groups: JSONL of ``{"query", "pos": [...], "neg": [...]}``, which FlagEmbedding reads too.

Optional lists run beside ``pos`` and ``neg``: ``*_scores`` (teacher scores), ``*_labels`` (grades), ``*_ids`` and
``*_sources`` (source to ``[rank, score]``). ``candidates`` holds the retriever's real list as objects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset.formats.lines import (
    Located,
    checked_text,
    fresh_ids,
    number,
    optional_text,
    read_records,
    required_text,
)
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved


def read_groups(path: str | Path) -> list[RerankExample]:
    """Read a groups file.

    Raises:
        DataError: Names the file and the line of the first record that cannot be used.
    """
    return parse_groups(read_records(Path(path)))


def parse_groups(located: Iterable[Located]) -> list[RerankExample]:
    """Turn group records into examples.

    Raises:
        DataError: A record lacks a key, holds something that is no text, or its lists differ in length.
    """
    listed = list(located)
    given = [optional_text(where, record, "query_id") for where, record in listed]
    fresh = fresh_ids(given)
    return [
        _example(query_id if query_id is not None else next(fresh), where, record)
        for query_id, (where, record) in zip(given, listed, strict=True)
    ]


def _example(query_id: str, where: str, record: dict[str, Any]) -> RerankExample:
    candidates, metadata = record.get("candidates"), record.get("metadata") or {}
    if not isinstance(candidates, list | None):
        raise DataError(where, f'"candidates" is a {type(candidates).__name__}', "Expected a list of objects.")
    if not isinstance(metadata, dict):
        raise DataError(where, f'"metadata" is a {type(metadata).__name__}', "Expected an object.")
    return RerankExample(
        query_id=query_id,
        query=required_text(where, record, "query"),
        positives=_passages(where, record, "pos", label=1.0),
        negatives=_passages(where, record, "neg", label=0.0),
        candidates=None if candidates is None else tuple(_candidate(where, each) for each in candidates),
        group=optional_text(where, record, "group"),
        metadata=metadata,
        where=where,
    )


def _passages(where: str, record: dict[str, Any], side: str, label: float) -> tuple[Passage, ...]:
    texts = record.get(side, [])
    if side == "pos" and side not in record:
        raise DataError(where, 'the key "pos" is missing', 'Expected {"query": ..., "pos": [...], "neg": [...]}.')
    if isinstance(texts, str) or not isinstance(texts, list):
        raise DataError(where, f'"{side}" is a {type(texts).__name__}', "Expected a list of texts.")
    for text in texts:
        checked_text(where, side, text)
    column = _column_reader(where, record, side, len(texts))
    return tuple(
        Passage(
            text,
            node_id=None if node_id is None else str(node_id),
            label=label if grade is None else number(where, f"{side}_labels", grade),
            teacher_score=None if score is None else number(where, f"{side}_scores", score),
            retrieved=_retrieved(where, sources),
            group=None if group is None else str(group),
        )
        for text, node_id, grade, score, sources, group in zip(
            texts, column("ids"), column("labels"), column("scores"), column("sources"), column("groups"), strict=True
        )
    )


def _column_reader(where: str, record: dict[str, Any], side: str, length: int) -> Callable[[str], list[Any]]:
    def column(name: str) -> list[Any]:
        values = record.get(f"{side}_{name}")
        if values is None:
            return [None] * length
        if not isinstance(values, list) or len(values) != length:
            given = len(values) if isinstance(values, list) else type(values).__name__
            raise DataError(where, f'"{side}" has {length} texts, "{side}_{name}" {given}', "Make them equally long.")
        return values

    return column


def _retrieved(where: str, sources: Any) -> dict[str, Retrieved]:
    try:
        return {name: Retrieved(int(rank), float(score)) for name, (rank, score) in (sources or {}).items()}
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise DataError(where, f"sources are {sources!r}", 'Expected {"bm25": [rank, score]}.') from error


def _candidate(where: str, record: Any) -> Passage:
    if not isinstance(record, dict):
        raise DataError(where, f'"candidates" holds {record!r}', 'Expected {"text": ..., "id": ...}.')
    label, teacher_score = record.get("label"), record.get("teacher_score")
    return Passage(
        required_text(where, record, "text"),
        node_id=optional_text(where, record, "id"),
        label=None if label is None else number(where, "label", label),
        teacher_score=None if teacher_score is None else number(where, "teacher_score", teacher_score),
        retrieved=_retrieved(where, record.get("sources")),
        group=optional_text(where, record, "group"),
    )


def write_groups(examples: Iterable[RerankExample], path: str | Path) -> None:
    """Write one JSONL record an example; what is nowhere set is left out."""
    with Path(path).open("w", encoding="utf-8") as stream:
        for example in examples:
            stream.write(json.dumps(group_record(example), ensure_ascii=False) + "\n")


def group_record(example: RerankExample) -> dict[str, Any]:
    """The groups record of one example."""
    record: dict[str, Any] = {"query_id": example.query_id, "query": example.query, "group": example.group}
    for side, passages, usual in (("pos", example.positives, 1.0), ("neg", example.negatives, 0.0)):
        record[side] = [passage.text for passage in passages]
        record |= {f"{side}_{name}": column for name, column in _columns(passages, usual).items()}
    if example.candidates is not None:
        record["candidates"] = [_candidate_record(passage) for passage in example.candidates]
    record["metadata"] = dict(example.metadata) or None
    return {key: value for key, value in record.items() if value is not None}


def _columns(passages: tuple[Passage, ...], usual: float) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "ids": [passage.node_id for passage in passages],
        "labels": [None if passage.label in (usual, None) else passage.label for passage in passages],
        "scores": [passage.teacher_score for passage in passages],
        "sources": [dict(passage.retrieved) or None for passage in passages],
        "groups": [passage.group for passage in passages],
    }
    return {name: column for name, column in columns.items() if any(value is not None for value in column)}


def _candidate_record(passage: Passage) -> dict[str, Any]:
    record = {
        "text": passage.text,
        "id": passage.node_id,
        "label": passage.label,
        "teacher_score": passage.teacher_score,
        "sources": dict(passage.retrieved) or None,
        "group": passage.group,
    }
    return {key: value for key, value in record.items() if value is not None}
