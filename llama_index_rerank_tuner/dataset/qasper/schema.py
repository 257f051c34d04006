"""One paper of QASPER as plain records, from either of the shapes it is handed around in.

The released JSON holds lists of objects; the Hub holds objects of parallel lists. Both are read at every level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llama_index_rerank_tuner.dataset.files.fields import checked_text, present_keys, shown
from llama_index_rerank_tuner.errors import DataError

SHAPE = "Expected a paper as the Hub's allenai/qasper or qasper-train-v0.3.json has it."
FIGURE_OR_TABLE = "FLOAT SELECTED"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph: its place (``2.1`` is the first of the second section), its section, and its text."""

    place: str
    section: str
    text: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotator's answer: the evidence as given, whether it is no answer, and what kind it is."""

    evidence: tuple[str, ...]
    unanswerable: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question with everybody's answers."""

    question_id: str
    text: str
    annotations: tuple[Annotation, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper with its paragraphs, empty ones among them, and its questions."""

    paper_id: str
    title: str
    abstract: str
    paragraphs: tuple[Paragraph, ...]
    questions: tuple[Question, ...]
    where: str


def parse_paper(where: str, record: Any, paper_id: str | None = None) -> Paper:
    """Read one paper.

    Args:
        where: File and record, for the errors.
        record: The paper as parsed JSON or a row of the Hub's table.
        paper_id: Its id, where that is the key it stands under; None where it is in the record.

    Raises:
        DataError: Something in it has another shape; names the paper and the question.
    """
    if not isinstance(record, Mapping):
        raise DataError(where, f"a {type(record).__name__}, not a paper", SHAPE)
    identity = checked_text(where, "id", paper_id if paper_id is not None else _under(where, record, "id"))
    where = where if paper_id is not None else f"{where} (paper {identity!r})"
    return Paper(
        paper_id=identity,
        title=squeeze(_text(where, "title", record.get("title"))),
        abstract=_text(where, "abstract", record.get("abstract")),
        paragraphs=_paragraphs(where, _under(where, record, "full_text")),
        questions=tuple(_question(where, row) for row in _rows(where, "qas", _under(where, record, "qas"))),
        where=where,
    )


def squeeze(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def _paragraphs(where: str, full_text: Any) -> tuple[Paragraph, ...]:
    found = []
    for number, row in enumerate(_rows(where, "full_text", full_text), start=1):
        place = f"{where}, section {number}"
        section = _section(_text(place, "section_name", row.get("section_name")))
        for position, text in enumerate(_list(place, "paragraphs", _under(place, row, "paragraphs")), start=1):
            found.append(Paragraph(f"{number}.{position}", section, _text(place, "paragraphs", text)))
    return tuple(found)


def _section(name: str) -> str:
    """The path of a section, outermost first; QASPER joins its parts with three colons."""
    return " > ".join(squeeze(part) for part in name.split(":::") if part.strip())


def _question(where: str, row: Mapping[str, Any]) -> Question:
    question_id = checked_text(where, "question_id", _under(where, row, "question_id"))
    where = f"{where}, question {question_id!r}"
    return Question(
        question_id=question_id,
        text=squeeze(checked_text(where, "question", _under(where, row, "question"))),
        annotations=tuple(
            _annotation(where, _under(where, each, "answer"))
            for each in _rows(where, "answers", _under(where, row, "answers"))
        ),
        where=where,
    )


def _annotation(where: str, answer: Any) -> Annotation:
    if not isinstance(answer, Mapping):
        raise DataError(where, f'"answer" is {shown(answer)}', "Expected an object with its evidence.")
    unanswerable = answer.get("unanswerable") or False
    if not isinstance(unanswerable, bool):
        raise DataError(where, f'"unanswerable" is {shown(unanswerable)}', "Expected true or false.")
    evidence = _list(where, "evidence", _under(where, answer, "evidence"))
    return Annotation(tuple(_text(where, "evidence", each) for each in evidence), unanswerable, _kind(answer))


def _kind(answer: Mapping[str, Any]) -> str:
    if answer.get("unanswerable"):
        return "unanswerable"
    if answer.get("yes_no") is not None:
        return "yes or no"
    return "extractive" if answer.get("extractive_spans") else "free form"


def _rows(where: str, name: str, value: Any) -> list[Mapping[str, Any]]:
    """A list of objects, or an object of parallel lists, as a list of objects."""
    if isinstance(value, Mapping):
        columns = {key: _list(where, f"{name}.{key}", column) for key, column in value.items()}
        if len({len(column) for column in columns.values()}) > 1:
            lengths = ", ".join(str(len(column)) for column in columns.values())
            problem = f'the lists of "{name}" ({present_keys(columns)}) have different lengths ({lengths})'
            raise DataError(where, problem, SHAPE)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows = _list(where, name, value)
    for row in rows:
        if not isinstance(row, Mapping):
            raise DataError(where, f'"{name}" holds {shown(row)}', "Expected a list of objects.")
    return rows


def _under(where: str, record: Mapping[str, Any], key: str) -> Any:
    if key not in record:
        raise DataError(where, f'the key "{key}" is missing (it has {present_keys(record)})', SHAPE)
    return record[key]


def _list(where: str, name: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise DataError(where, f'"{name}" is {shown(value)}', "Expected a list.")
    return list(value)


def _text(where: str, name: str, value: Any) -> str:
    """A text, which may be empty; null is empty too."""
    empty = value is None or (isinstance(value, str) and not value.strip())
    return "" if empty else checked_text(where, name, value)
