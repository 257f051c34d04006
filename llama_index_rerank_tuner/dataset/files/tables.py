"""CSV and TSV with a header: rows as records with their line numbers, quoted cells over several lines included."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset.files.encoding import decoded_lines
from llama_index_rerank_tuner.dataset.files.fields import shown
from llama_index_rerank_tuner.errors import DataError

TABLE_SUFFIXES = {".csv": ",", ".tsv": "\t"}
"""File name endings of tables, and what stands between their cells."""

_LONGEST_CELL = 1 << 26


def read_table(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every row under the header as a record, with the line it begins on.

    Column names are taken in lower case, an empty cell is None, rows without any content are passed over. A CSV file
    whose header has semicolons or tabs and no comma is read with those, as spreadsheets write it in half of Europe.

    Raises:
        DataError: A column has no name or stands twice, a row is not as long as the header, or a quote is not closed.
    """
    rows = _rows(path)
    line_number, header = next(rows, (1, []))
    columns = _columns(f"{path} line {line_number}", header)
    for line_number, row in rows:
        where = f"{path} line {line_number}"
        if len(row) != len(columns):
            raise DataError(
                where,
                f"{len(row)} cells where the header has {len(columns)}",
                "Give every row as many cells as the header, and quote cells that hold the separator.",
            )
        yield where, {column: cell or None for column, cell in zip(columns, row, strict=True)}


def _columns(where: str, header: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in header]
    for position, column in enumerate(columns, start=1):
        if not column:
            raise DataError(where, f"column {position} has no name", "Name it in the first row, or delete it.")
        if columns.index(column) + 1 < position:
            raise DataError(where, f"the column {shown(column)} stands twice", "Keep one of them.")
    return columns


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold anything, each with the line it begins on."""
    csv.field_size_limit(max(_LONGEST_CELL, csv.field_size_limit()))
    lines = decoded_lines(path)
    first = next(lines, "")
    reader = csv.reader(chain([first], lines), delimiter=_separator(path, first), strict=True)
    while True:
        line_number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fix = "Close every quote, double the quotes inside a quoted cell, and end lines with LF or CRLF."
            raise DataError(f"{path} line {line_number}", f"not a row of a table ({error})", fix) from error
        if any(cell.strip() for cell in row):
            yield line_number, row


def _separator(path: Path, header: str) -> str:
    separator = TABLE_SUFFIXES.get(path.suffix.lower(), ",")
    if separator != "," or "," in header:
        return separator
    return next((other for other in ";\t" if other in header), separator)
