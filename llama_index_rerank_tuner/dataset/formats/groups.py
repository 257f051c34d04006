"""Groups: JSONL (or a JSON list) of ``{"query", "pos": [...], "neg": [...]}``, which FlagEmbedding reads too.

Optional lists run beside ``pos`` and ``neg``: ``*_scores`` (teacher scores), ``*_labels`` (grades), ``*_ids``,
``*_groups`` (source documents), ``*_sources`` (source to ``[rank, score]``) and ``*_metadata`` (objects).
``candidates`` holds the retriever's real list as objects. FlagEmbedding's ``prompt`` is kept in the metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset.files.fields import (
    checked_text,
    fresh_ids,
    number,
    optional_mapping,
    optional_text,
    required_text,
    shown,
    text_or_none,
)
from llama_index_rerank_tuner.dataset.files.lines import Located, read_records
from llama_index_rerank_tuner.dataset.files.writing import write_records
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved

_COLUMNS = ("ids", "labels", "scores", "sources", "groups", "metadata")


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
    examples: list[RerankExample] = []
    given: list[str | None] = []
    for where, record in located:
        given.append(optional_text(where, record, "query_id"))
        examples.append(_example(given[-1] or "", where, record))
    fresh = fresh_ids(given)
    return [
        replace(example, query_id=next(fresh)) if query_id is None else example
        for query_id, example in zip(given, examples, strict=True)
    ]


def _example(query_id: str, where: str, record: dict[str, Any]) -> RerankExample:
    candidates = record.get("candidates")
    if not isinstance(candidates, list | None):
        raise DataError(where, f'"candidates" is a {type(candidates).__name__}', "Expected a list of objects.")
    return RerankExample(
        query_id=query_id,
        query=required_text(where, record, "query"),
        positives=_passages(where, record, "pos", label=1.0),
        negatives=_passages(where, record, "neg", label=0.0),
        candidates=None if candidates is None else tuple(_candidate(where, each) for each in candidates),
        group=optional_text(where, record, "group"),
        metadata=_metadata(where, record),
        where=where,
    )


def _metadata(where: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record's metadata, and in it FlagEmbedding's ``prompt``, which stands beside the query there."""
    metadata, prompt = optional_mapping(where, record, "metadata"), optional_text(where, record, "prompt")
    if prompt is None:
        return metadata
    if metadata.get("prompt", prompt) != prompt:
        raise DataError(where, '"prompt" and the prompt in "metadata" differ', "Keep one of them.")
    return metadata | {"prompt": prompt}


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
            node_id=text_or_none(where, f"{side}_ids", node_id),
            label=label if grade is None else number(where, f"{side}_labels", grade),
            teacher_score=None if score is None else number(where, f"{side}_scores", score),
            retrieved=_retrieved(where, sources),
            group=text_or_none(where, f"{side}_groups", group),
            metadata=optional_mapping(where, {f"{side}_metadata": metadata}, f"{side}_metadata"),
        )
        for text, node_id, grade, score, sources, group, metadata in zip(texts, *map(column, _COLUMNS), strict=True)
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
    """Source name to its rank (a whole number from 1) and score.

    Raises:
        DataError: The sources are anything else.
    """
    try:
        return {
            checked_text(where, "source", name): Retrieved(_rank(where, rank), number(where, "score", score))
            for name, (rank, score) in ({} if sources is None else sources).items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(where, f"sources are {shown(sources)}", 'Expected {"bm25": [rank, score]}.') from error


def _rank(where: str, value: Any) -> int:
    rank = number(where, "rank", value)
    if rank < 1 or not rank.is_integer():
        raise DataError(where, f"a rank is {shown(value)}", "Expected a whole number from 1.")
    return int(rank)


def _candidate(where: str, record: Any) -> Passage:
    if not isinstance(record, dict):
        raise DataError(where, f'"candidates" holds {shown(record)}', 'Expected {"text": ..., "id": ...}.')
    label, teacher_score = record.get("label"), record.get("teacher_score")
    return Passage(
        required_text(where, record, "text"),
        node_id=optional_text(where, record, "id"),
        label=None if label is None else number(where, "label", label),
        teacher_score=None if teacher_score is None else number(where, "teacher_score", teacher_score),
        retrieved=_retrieved(where, record.get("sources")),
        group=optional_text(where, record, "group"),
        metadata=optional_mapping(where, record, "metadata"),
    )


def write_groups(examples: Iterable[RerankExample], path: str | Path) -> None:
    """Write one record an example, as JSONL or (``.json``) as a list; what is nowhere set is left out.

    Raises:
        DataError: The file's name asks for a table, or a text cannot be encoded.
    """
    write_records(map(group_record, examples), path)


def group_record(example: RerankExample) -> dict[str, Any]:
    """The groups record of one example."""
    metadata = dict(example.metadata)
    prompt = metadata.pop("prompt") if isinstance(metadata.get("prompt"), str) else None
    record: dict[str, Any] = {"query_id": example.query_id, "query": example.query, "group": example.group}
    for side, passages, usual in (("pos", example.positives, 1.0), ("neg", example.negatives, 0.0)):
        record[side] = [passage.text for passage in passages]
        record |= {f"{side}_{name}": column for name, column in _columns(passages, usual).items()}
    if example.candidates is not None:
        record["candidates"] = [_candidate_record(passage) for passage in example.candidates]
    record |= {"prompt": prompt, "metadata": metadata or None}
    return {key: value for key, value in record.items() if value is not None}


def _columns(passages: tuple[Passage, ...], usual: float) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "ids": [passage.node_id for passage in passages],
        "labels": [None if passage.label in (usual, None) else passage.label for passage in passages],
        "scores": [passage.teacher_score for passage in passages],
        "sources": [dict(passage.retrieved) or None for passage in passages],
        "groups": [passage.group for passage in passages],
        "metadata": [dict(passage.metadata) or None for passage in passages],
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
        "metadata": dict(passage.metadata) or None,
    }
    return {key: value for key, value in record.items() if value is not None}
