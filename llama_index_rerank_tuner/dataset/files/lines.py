"""Records from JSONL, JSON lists, CSV and TSV, each with its place, so that every fault names its file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset.files.encoding import decoded_lines
from llama_index_rerank_tuner.dataset.files.fields import (
    shown,
)
from llama_index_rerank_tuner.dataset.files.tables import TABLE_SUFFIXES, read_table
from llama_index_rerank_tuner.errors import DataError

Located = tuple[str, dict[str, Any]]
"""Where a record stands (``file line 3``) and the record."""

_EXPECTED_JSON = "Expected one JSON object a line, or a JSON list."
_SPACE = re.compile(r"[ \t\r\n]*")


class _RepeatedKeyError(ValueError):
    """A key that stands twice in one object: JSON readers disagree on which of them counts."""


def read_records(path: Path, expected: str = "at least one query with a relevant passage") -> Iterator[Located]:
    """Yield every record of a file, with its place.

    A name that ends in ``.csv`` or ``.tsv`` is a table with a header, read row by row; everything else is JSONL, read
    line by line, or one JSON list, whose text is read whole.

    Args:
        path: The file.
        expected: What an empty file should have held, for the error.

    Raises:
        DataError: The file cannot be read, holds no record, or a record cannot be parsed.
    """
    empty = True
    for located in _records(Path(path)):
        empty = False
        yield located
    if empty:
        raise DataError(str(path), "it holds no record", f"Give {expected}.")


def _records(path: Path) -> Iterator[Located]:
    if path.suffix.lower() in TABLE_SUFFIXES:
        yield from read_table(path)
        return
    lines, begun = decoded_lines(path), False
    for line_number, line in enumerate(lines, start=1):
        text = line.strip()
        if not begun and text.startswith("["):
            yield from _listed(path, "".join([line, *lines]))
        elif text:
            begun, where = True, f"{path} line {line_number}"
            yield where, _as_object(where, _decoded(where, text, 0)[0])


def _listed(path: Path, text: str) -> Iterator[Located]:
    """The records of a JSON list one by one, so that only its text is held whole."""
    position = _after_space(text, text.index("[") + 1)
    record_number = 0
    while text[position : position + 1] != "]" or record_number:
        record_number += 1
        where = f"{path} record {record_number}"
        record, position = _decoded(where, text, position, whole=False)
        yield where, _as_object(where, record)
        position = _after_space(text, position)
        if text[position : position + 1] != ",":
            break
        position = _after_space(text, position + 1)
    if text[position : position + 1] != "]" or text[position + 1 :].strip():
        raise DataError(str(path), f"not valid JSON after record {record_number}", _EXPECTED_JSON)


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedKeyError(f"the key {shown(next(name for name in names if names.count(name) > 1))} stands twice")
    return record


_DECODER = json.JSONDecoder(object_pairs_hook=_without_repeats)


def _decoded(where: str, text: str, position: int, whole: bool = True) -> tuple[Any, int]:
    """The JSON value at a position, and where it ends."""
    try:
        return (_DECODER.decode(text), len(text)) if whole else _DECODER.raw_decode(text, position)
    except _RepeatedKeyError as error:
        raise DataError(where, str(error), "Keep one of them.") from error
    except json.JSONDecodeError as error:
        # The line within the text would contradict the line of the file.
        at = f" at character {error.pos - position + 1}" if whole else ""
        raise DataError(where, f"not valid JSON ({error.msg}{at})", _EXPECTED_JSON) from error
    except (ValueError, RecursionError) as error:
        raise DataError(where, f"not valid JSON ({error})", _EXPECTED_JSON) from error


def _as_object(where: str, record: Any) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise DataError(where, f"a {type(record).__name__}, not an object", 'Expected {"query": ..., ...}.')
    return record
