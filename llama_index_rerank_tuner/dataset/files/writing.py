"""Writing records as JSONL, a JSON list, CSV or TSV, whichever the file's name says."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from llama_index_rerank_tuner.dataset.files.tables import TABLE_SUFFIXES
from llama_index_rerank_tuner.errors import DataError


@contextmanager
def replacing(path: str | Path, encoding: str = "utf-8") -> Iterator[TextIO]:
    """Open a file that takes its name only when it is complete: a file can be read and written over in one pass.

    Raises:
        DataError: A text holds half of a surrogate pair, which no file can hold.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding=encoding, newline="") as stream:
            yield stream
        os.replace(part, path)
    except UnicodeEncodeError as error:
        raise DataError(
            str(path), f"a text holds half a character ({error.object[error.start : error.end]!r})", "Clean the text."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def write_records(records: Iterable[Mapping[str, Any]], path: str | Path, columns: Sequence[str] = ()) -> None:
    """Write records: ``.json`` as a list, ``.csv`` and ``.tsv`` as a table, every other name as JSONL.

    Args:
        records: The records; what is None is left out.
        path: The file.
        columns: The columns of a table; without them the records cannot be a table.

    Raises:
        DataError: A table is asked for and there are no columns, or a text cannot be encoded.
    """
    path = Path(path)
    separator = TABLE_SUFFIXES.get(path.suffix.lower())
    if separator is not None and not columns:
        raise DataError(str(path), "these records hold lists, which a table cannot", "Name the file .jsonl or .json.")
    with replacing(path) as stream:
        if separator is not None:
            write_rows(stream, records, columns, separator)
        elif path.suffix.lower() == ".json":
            _write_list(stream, records)
        else:
            stream.writelines(f"{_json(record)}\n" for record in records)


def write_rows(stream: TextIO, records: Iterable[Mapping[str, Any]], columns: Sequence[str], separator: str) -> None:
    """Write a header and one row a record; a cell without a value is empty."""
    rows = csv.writer(stream, delimiter=separator)
    rows.writerow(columns)
    rows.writerows([record.get(column) for column in columns] for record in records)


def _write_list(stream: TextIO, records: Iterable[Mapping[str, Any]]) -> None:
    before = "["
    for record in records:
        stream.write(f"{before}\n{_json(record)}")
        before = ","
    stream.write("[]\n" if before == "[" else "\n]\n")


def _json(record: Mapping[str, Any]) -> str:
    return json.dumps({key: value for key, value in record.items() if value is not None}, ensure_ascii=False)
