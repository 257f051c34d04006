"""Cohere's rerank fine-tuning JSONL: ``{"query", "relevant_passages", "hard_negatives"}``, one question a line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset.files.fields import checked_text, fresh_ids, required_text
from llama_index_rerank_tuner.dataset.files.lines import Located, read_records
from llama_index_rerank_tuner.dataset.files.writing import write_records
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

POSITIVES, NEGATIVES = "relevant_passages", "hard_negatives"


def read_cohere(path: str | Path) -> list[RerankExample]:
    """Read a Cohere rerank file.

    Raises:
        DataError: Names the file and the line of the first record that cannot be used.
    """
    return parse_cohere(read_records(Path(path)))


def parse_cohere(located: Iterable[Located]) -> list[RerankExample]:
    """Turn Cohere records into examples; ``hard_negatives`` may be missing or null.

    Raises:
        DataError: A record lacks a key, or holds something that is no text.

    Example:
        >>> record = {"query": "Who may apply?", "relevant_passages": ["Firms under 50 staff."], "hard_negatives": []}
        >>> [example.positives[0].label for example in parse_cohere([("train.jsonl line 1", record)])]
        [1.0]
    """
    return [
        RerankExample(
            query_id=query_id,
            query=required_text(where, record, "query"),
            positives=_passages(where, record, POSITIVES, 1.0),
            negatives=() if record.get(NEGATIVES) is None else _passages(where, record, NEGATIVES, 0.0),
            where=where,
        )
        for query_id, (where, record) in zip(fresh_ids(()), located, strict=False)
    ]


def _passages(where: str, record: dict[str, Any], key: str, label: float) -> tuple[Passage, ...]:
    if key not in record:
        raise DataError(where, f'the key "{key}" is missing', f'Add "{key}": a list of texts.')
    texts = record[key]
    if not isinstance(texts, list | tuple):
        raise DataError(where, f'"{key}" is a {type(texts).__name__}', "Expected a list of texts.")
    return tuple(Passage(checked_text(where, key, text), label=label) for text in texts)


def write_cohere(examples: Iterable[RerankExample], path: str | Path) -> None:
    """Write one JSONL record a question. The format has no place for ids, groups and grades.

    Raises:
        DataError: A question has no relevant passage, which Cohere refuses. Nothing is written then.
    """
    write_records(map(_record, examples), path)


def _record(example: RerankExample) -> dict[str, Any]:
    if not example.positives:
        raise DataError(
            example.place, "the query has no positive passage", "Cohere needs one: add it, or remove the query."
        )
    return {
        "query": example.query,
        POSITIVES: [passage.text for passage in example.positives],
        NEGATIVES: [passage.text for passage in example.negatives],
    }
