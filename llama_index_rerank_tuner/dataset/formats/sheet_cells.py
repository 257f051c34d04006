"""Cells of an annotation sheet: labels as people write them, and texts that a spreadsheet must not run as formulas."""

from __future__ import annotations

import re
import unicodedata

from llama_index_rerank_tuner.dataset.files.fields import number, shown
from llama_index_rerank_tuner.errors import DataError

RELEVANT_WORDS = ("yes", "y", "true", "是", "相关")
IRRELEVANT_WORDS = ("no", "n", "false", "否", "不相关")
ACCEPTED_LABELS = "1 or 0 or a grade, yes or no, y or n, 是 or 否, 相关 or 不相关, or nothing (not judged)"

_FORMULA = re.compile(r"[\s\x00-\x1f\ufeff']*[=+\-@＝＋－＠]")
_NUMBER_LIKE = re.compile(r"[0-9.,/:eE+-]+|true|false", re.IGNORECASE)


def label_of(where: str, cell: str | None) -> float | None:
    """The label a person wrote; None where the cell is blank.

    Example:
        >>> [label_of("sheet.csv line 2", cell) for cell in (" Yes ", "不相关", "2", "")]
        [1.0, 0.0, 2.0, None]

    Raises:
        DataError: It cannot be read.
    """
    written = unicodedata.normalize("NFKC", cell or "").strip().casefold()
    if not written:
        return None
    if written in RELEVANT_WORDS or written in IRRELEVANT_WORDS:
        return float(written in RELEVANT_WORDS)
    try:
        return number(where, "label", written)
    except DataError as error:
        raise DataError(where, f'"label" is {shown(cell)}', f"Write {ACCEPTED_LABELS}.") from error


def guarded(cell: str | None) -> str | None:
    """A cell that no spreadsheet takes for a formula: where it could, an apostrophe stands in front.

    Example:
        >>> guarded("=1+1"), guarded("plain"), unguarded(guarded("=1+1"))
        ("'=1+1", 'plain', '=1+1')
    """
    return f"'{cell}" if cell is not None and _runs(cell) else cell


def unguarded(cell: str | None) -> str | None:
    """The cell without the apostrophe that ``guarded`` put there."""
    return cell[1:] if cell is not None and cell.startswith("'") and _runs(cell) else cell


def guarded_id(cell: str | None) -> str | None:
    """As ``guarded``; also ids that a spreadsheet would turn into numbers or dates (``007``, ``12e4``, ``3/4``)."""
    return f"'{cell}" if cell is not None and (_runs(cell) or _turns(cell)) else cell


def unguarded_id(cell: str | None) -> str | None:
    """The id without the apostrophe that ``guarded_id`` put there."""
    return cell[1:] if cell is not None and cell.startswith("'") and (_runs(cell) or _turns(cell)) else cell


def _runs(cell: str) -> bool:
    """Apostrophes in front do not change the answer, so that guarding can be undone."""
    core = cell.lstrip("'")
    return core[:1] in ("\t", "\r", "\n") or _FORMULA.match(core) is not None


def _turns(cell: str) -> bool:
    return _NUMBER_LIKE.fullmatch(cell.lstrip("'")) is not None
