"""BEIR folders: ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/*.tsv`` with graded judgements."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset.files.encoding import decoded_lines
from llama_index_rerank_tuner.dataset.files.fields import (
    checked_text,
    number,
    optional_mapping,
    optional_text,
    required_text,
    text_or_none,
)
from llama_index_rerank_tuner.dataset.files.lines import read_records
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

logger = logging.getLogger(__name__)

GROUP_KEYS = ("group", "paper", "family", "source", "document", "doc_id", "file_name")
"""Metadata keys tried, in this order, for the source document of a question or a passage."""

Judgements = dict[str, dict[str, tuple[float, str]]]
"""Query id to document id to its grade and the place where it stands."""


def read_beir(
    folder: str | Path, qrels: str | None = None, group_key: str | None = None
) -> tuple[list[RerankExample], list[Passage]]:
    """Read a BEIR folder: the judged questions, and the whole corpus.

    A passage's text is its title, a line break and its text. Questions without a judgement are left out, and counted in
    the log. A question's metadata is kept; the source document that ``write_beir`` noted under ``group`` becomes the
    example's group.

    Args:
        folder: The folder.
        qrels: Name of one judgement file without ``.tsv``; None reads all of them.
        group_key: Metadata key of the source document; None takes the first of ``GROUP_KEYS`` that is there.

    Raises:
        DataError: A file is missing, a line cannot be used, or a judgement names an unknown id.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise DataError(
            str(folder), "it is no folder", "Expected a folder with corpus.jsonl, queries.jsonl and qrels/."
        )
    corpus = {passage.key: passage for passage in _read_corpus(folder / "corpus.jsonl", group_key)}
    judgements = _read_judgements(folder / "qrels", qrels)
    queries = list(_identified(folder / "queries.jsonl", "at least one query"))
    examples = [
        _example(where, record, judgements.pop(query_id), corpus, group_key)
        for query_id, where, record in queries
        if query_id in judgements
    ]
    if unjudged := len(queries) - len(examples):
        logger.info("%s: %d of %d queries have no judgement and are left out.", folder, unjudged, len(queries))
    for query_id, judged in judgements.items():
        _, where = next(iter(judged.values()))
        raise DataError(where, f"query {query_id!r} is not in queries.jsonl", "Add it, or remove the judgement.")
    grouped = [each.group for each in examples] + [each.group for each in corpus.values()]
    if group_key is not None and not any(grouped):
        raise DataError(str(folder), f"no metadata has the key {group_key!r}", "Give the key of the source document.")
    return examples, list(corpus.values())


def _identifier(where: str, record: Mapping[str, Any]) -> str:
    value = record.get("_id")
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise DataError(where, 'the key "_id" is missing or no text', 'Add "_id".')
    return checked_text(where, "_id", text_or_none(where, "_id", value))


def _group(where: str, record: Mapping[str, Any], group_key: str | None) -> str | None:
    metadata = optional_mapping(where, record, "metadata")
    if group_key is not None:
        return text_or_none(where, group_key, metadata.get(group_key))
    if GROUP_KEYS[0] in metadata:
        return text_or_none(where, GROUP_KEYS[0], metadata[GROUP_KEYS[0]])
    return next((str(metadata[key]) for key in GROUP_KEYS if isinstance(metadata.get(key), str | int)), None)


def _metadata(where: str, record: Mapping[str, Any], group_key: str | None) -> dict[str, Any]:
    noted = GROUP_KEYS[0] if group_key in (None, GROUP_KEYS[0]) else None
    return {key: value for key, value in optional_mapping(where, record, "metadata").items() if key != noted}


def _read_corpus(path: Path, group_key: str | None) -> Iterator[Passage]:
    for identifier, where, record in _identified(path, "at least one passage"):
        title, text = optional_text(where, record, "title"), optional_text(where, record, "text")
        content = f"{title}\n{text or ''}".strip() if title else text or ""
        yield Passage(checked_text(where, "text", content), identifier, group=_group(where, record, group_key))


def _identified(path: Path, expected: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every record with its id and its place.

    Raises:
        DataError: An id is missing, or stands twice.
    """
    seen: set[str] = set()
    for where, record in read_records(path, expected):
        identifier = _identifier(where, record)
        if identifier in seen:
            raise DataError(where, f"the id {identifier!r} stands twice", "Give every record an id of its own.")
        seen.add(identifier)
        yield identifier, where, record


def _read_judgements(folder: Path, qrels: str | None) -> Judgements:
    paths = sorted(folder.glob("*.tsv")) if qrels is None else [folder / f"{qrels}.tsv"]
    if not paths:
        raise DataError(str(folder), "no judgement file (*.tsv)", "Expected qrels/train.tsv or the like.")
    judgements: Judgements = {}
    for path in paths:
        for where, query_id, passage_id, grade in _judgement_lines(path):
            known, _ = judgements.setdefault(query_id, {}).setdefault(passage_id, (grade, where))
            if known != grade:
                raise DataError(
                    where, f"{query_id!r} and {passage_id!r} are judged {known:g} and {grade:g}", "Keep one."
                )
    return judgements


def _judgement_lines(path: Path) -> Iterator[tuple[str, str, str, float]]:
    for line_number, line in enumerate(decoded_lines(path), start=1):
        columns = line.rstrip("\r\n").split("\t")
        if not line.strip() or (line_number == 1 and columns[-1] == "score"):
            continue
        where = f"{path} line {line_number}"
        if len(columns) != 3:
            raise DataError(where, f"{len(columns)} columns", "Expected query-id, corpus-id and score, tab-separated.")
        yield where, columns[0], columns[1], number(where, "score", columns[2])


def _example(
    where: str,
    record: dict[str, Any],
    judged: dict[str, tuple[float, str]],
    corpus: Mapping[str, Passage],
    group_key: str | None,
) -> RerankExample:
    passages = [_judged(corpus, passage_id, grade, place) for passage_id, (grade, place) in judged.items()]
    return RerankExample(
        query_id=_identifier(where, record),
        query=required_text(where, record, "text"),
        positives=tuple(passage for passage in passages if (passage.label or 0) > 0),
        negatives=tuple(passage for passage in passages if (passage.label or 0) <= 0),
        group=_group(where, record, group_key),
        metadata=_metadata(where, record, group_key),
        where=where,
    )


def _judged(corpus: Mapping[str, Passage], passage_id: str, grade: float, where: str) -> Passage:
    if passage_id not in corpus:
        raise DataError(where, f"passage {passage_id!r} is not in corpus.jsonl", "Add it, or remove the judgement.")
    known = corpus[passage_id]
    return Passage(known.text, node_id=known.node_id, label=grade, group=known.group)
