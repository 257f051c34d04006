"""Annotation sheets: a CSV with one (query, passage) a row, which a person fills in, read back as examples."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from llama_index_rerank_tuner.dataset.files.fields import (
    checked_text,
    fresh_ids,
    optional_text,
    plain_number,
    present_keys,
    shown,
)
from llama_index_rerank_tuner.dataset.files.tables import TABLE_SUFFIXES, read_table
from llama_index_rerank_tuner.dataset.files.writing import replacing, write_rows
from llama_index_rerank_tuner.dataset.formats.sheet_cells import (
    guarded,
    guarded_id,
    label_of,
    unguarded,
    unguarded_id,
)
from llama_index_rerank_tuner.dataset.formats.triples import RELEVANT_FROM
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

logger = logging.getLogger(__name__)

COLUMNS = ("query_id", "query", "passage_id", "passage", "source", "rank", "label", "comment", "group")
COMMENTS = "comments"
"""Metadata key of the comments: passage id (or text) to what the person wrote."""

EXCEL_CELL = 32_767
"""Longest text that a cell of Excel holds; it cuts longer ones when it saves."""


class SheetRow(NamedTuple):
    """One row as it was read: the question it belongs to, its passage, and what stands beside them."""

    where: str
    question: tuple[str | None, str, str | None]
    passage: Passage
    is_candidate: bool
    comment: str | None


def write_sheet(examples: Iterable[RerankExample], path: str | Path) -> None:
    """Write the pairs to judge: each question's candidates in their order, then its other judged passages.

    A known label is filled in; an unknown one, and one of a passage judged both ways, is blank. ``source`` and
    ``rank`` say which retriever found the passage and where. Cells that a spreadsheet would run as a formula, and ids
    that it would turn into numbers, begin with an apostrophe, which ``read_sheet`` takes off. The file has a byte order
    mark, so that Excel shows Chinese.

    Args:
        examples: The questions.
        path: The file: ``.tsv`` is separated by tabs, every other name by commas.
    """
    path = Path(path)
    separator = TABLE_SUFFIXES.get(path.suffix.lower(), ",")
    with replacing(path, encoding="utf-8-sig") as stream:
        write_rows(stream, (row for example in examples for row in _rows(example)), COLUMNS, separator)


def _rows(example: RerankExample) -> Iterator[dict[str, Any]]:
    candidates = {passage.key: passage for passage in example.candidates or ()}
    judged = {passage.key: passage for passage in (*example.positives, *example.negatives)}
    doubtful = {passage.key for passage in example.positives} & {passage.key for passage in example.negatives}
    comments = _comments(example)
    for key, passage in (candidates | judged).items():
        if len(passage.text) > EXCEL_CELL:
            logger.warning("%s: passage %.40r is longer than a cell of Excel.", example.place, key)
        sources = candidates[key].retrieved if key in candidates else {}
        yield {
            "query_id": guarded_id(example.query_id),
            "query": guarded(example.query),
            "passage_id": guarded_id(passage.node_id),
            "passage": guarded(passage.text),
            "source": guarded("; ".join(sources) or ("given" if key in candidates else None)),
            "rank": "; ".join(str(retrieved.rank) for retrieved in sources.values()) or None,
            "label": None if passage.label is None or key in doubtful else plain_number(passage.label),
            "comment": guarded(comments.get(key)),
            "group": guarded_id(example.group),
        }


def _comments(example: RerankExample) -> dict[str, str]:
    comments = example.metadata.get(COMMENTS)
    return {k: text for k, text in comments.items() if isinstance(text, str)} if isinstance(comments, Mapping) else {}


def read_sheet(path: str | Path) -> list[RerankExample]:
    """Read a sheet that a person filled in.

    A label is a number (0.5 and more is relevant), yes or no, y or n, 是 or 否, 相关 or 不相关. A blank label is
    unlabelled: the passage is a candidate and no negative. Rows with a source are candidates too, whatever their
    label. Ranks are for the reader's eye: only their order comes back. Comments stand in the metadata.

    Raises:
        DataError: Names the file and the line: a column is missing, a label cannot be read, or a pair stands twice
            with different labels.
    """
    gathered: dict[tuple[str | None, str, str | None], dict[str, SheetRow]] = {}
    for row in _sheet_rows(Path(path)):
        known = gathered.setdefault(row.question, {}).setdefault(row.passage.key, row)
        _check_same(known, row)
    if not gathered:
        raise DataError(str(path), "it holds no row", "Write one with write_sheet, and fill in its labels.")
    _check_ids(gathered)
    fresh = fresh_ids(query_id for query_id, _, _ in gathered)
    return [_example(question, rows, fresh) for question, rows in gathered.items()]


def _check_same(known: SheetRow, row: SheetRow) -> None:
    labels = ["blank" if each.passage.label is None else f"{each.passage.label:g}" for each in (known, row)]
    if known.passage.label != row.passage.label:
        problem = f"the pair stands twice, with the labels {' and '.join(labels)}"
        raise DataError(row.where, problem, "Keep one row.")
    if known.passage.text != row.passage.text:
        problem = f"the passage id {shown(row.passage.key)} stands for two passages"
        raise DataError(row.where, problem, "Give every passage an id of its own.")


def _sheet_rows(path: Path) -> Iterator[SheetRow]:
    for where, record in read_table(path):
        for name in ("query", "passage", "label"):
            if name not in record:
                problem = f'the column "{name}" is missing (it has {present_keys(record)})'
                raise DataError(where, problem, f'Add "{name}".')
        label = label_of(where, record["label"])
        passage = Passage(
            checked_text(where, "passage", unguarded(record["passage"])),
            node_id=unguarded_id(optional_text(where, record, "passage_id")),
            label=label,
        )
        yield SheetRow(
            where=where,
            question=_question(where, record),
            passage=passage,
            is_candidate=label is None or record.get("source") is not None,
            comment=unguarded(optional_text(where, record, "comment")),
        )


def _question(where: str, record: Mapping[str, Any]) -> tuple[str | None, str, str | None]:
    return (
        unguarded_id(optional_text(where, record, "query_id")),
        checked_text(where, "query", unguarded(record["query"])),
        unguarded_id(optional_text(where, record, "group")),
    )


def _check_ids(gathered: Mapping[tuple[str | None, str, str | None], Mapping[str, SheetRow]]) -> None:
    seen: set[str] = set()
    for (query_id, _, _), rows in gathered.items():
        if query_id is not None and query_id in seen:
            where = next(iter(rows.values())).where
            problem = f"the query id {shown(query_id)} stands for two queries or groups"
            raise DataError(where, problem, "Give every query an id of its own.")
        seen.add(query_id or "")


def _example(
    question: tuple[str | None, str, str | None], rows: Mapping[str, SheetRow], fresh: Iterator[str]
) -> RerankExample:
    query_id, query, group = question
    judged = [row.passage for row in rows.values() if row.passage.label is not None]
    candidates = tuple(row.passage for row in rows.values() if row.is_candidate)
    comments = {key: row.comment for key, row in rows.items() if row.comment is not None}
    return RerankExample(
        query_id=next(fresh) if query_id is None else query_id,
        query=query,
        positives=tuple(passage for passage in judged if (passage.label or 0) >= RELEVANT_FROM),
        negatives=tuple(passage for passage in judged if (passage.label or 0) < RELEVANT_FROM),
        candidates=candidates or None,
        group=group,
        metadata={COMMENTS: comments} if comments else {},
        where=next(iter(rows.values())).where,
    )
