"""Reading JSON and JSONL so that every fault names its file and line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.errors import DataError

Located = tuple[str, dict[str, Any]]
"""Where a record stands (``file line 3``) and the record."""


def read_text(path: Path) -> str:
    """Read a UTF-8 file (a byte order mark is taken off).

    Raises:
        DataError: The file is missing, is no file, or is not UTF-8.
    """
    if not path.is_file():
        raise DataError(str(path), "no such file", "Check the path.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            str(path), f"not UTF-8 (byte {error.start} cannot be read)", "Convert it, for example with iconv."
        ) from error


def read_records(path: Path) -> Iterator[Located]:
    """Yield every record of a JSON list or a JSONL file, with its place.

    Raises:
        DataError: A line is not JSON, or not an object.
    """
    text = read_text(path)
    if text.lstrip().startswith("["):
        yield from _read_list(path, text)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path} line {number}"
            yield where, _as_object(where, _parse(where, line))


def _read_list(path: Path, text: str) -> Iterator[Located]:
    for number, record in enumerate(_parse(str(path), text), start=1):
        where = f"{path} record {number}"
        yield where, _as_object(where, record)


def _parse(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            where, f"not valid JSON ({error})", "Expected one JSON object a line, or a JSON list."
        ) from error


def _as_object(where: str, record: Any) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise DataError(where, f"a {type(record).__name__}, not an object", 'Expected {"query": ..., ...}.')
    return record


def required_text(where: str, record: dict[str, Any], key: str) -> str:
    """The non-empty string under ``key``.

    Raises:
        DataError: The key is missing, or its value is empty or no string.
    """
    if key not in record:
        present = ", ".join(map(str, record)) or "nothing"
        raise DataError(where, f'the key "{key}" is missing (it has {present})', f'Add "{key}".')
    return checked_text(where, key, record[key])


def checked_text(where: str, name: str, value: Any) -> str:
    """A text that is not empty and can be written as UTF-8.

    Raises:
        DataError: It is something else, or holds half of a surrogate pair.
    """
    if not isinstance(value, str) or not value.strip():
        raise DataError(where, f'"{name}" is {value!r}', "Expected a text that is not empty.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            where, f'"{name}" holds half a character at position {error.start}', "Write it again as UTF-8."
        ) from error
    return value


def fresh_ids(taken: Iterable[str | None]) -> Iterator[str]:
    """Made-up query ids ``q0``, ``q1``, ... that are not taken."""
    given = set(taken)
    return (name for name in map("q{}".format, count()) if name not in given)


def number(where: str, name: str, value: Any) -> float:
    """A finite number, or a string that spells one.

    Raises:
        DataError: It is neither.
    """
    try:
        result = float(value) if not isinstance(value, bool) else float(int(value))
    except (TypeError, ValueError, OverflowError):
        result = float("nan")
    if not abs(result) < float("inf"):
        raise DataError(where, f'"{name}" is {value!r}', "Expected a number (1 relevant, 0 not).")
    return result


def optional_text(where: str, record: dict[str, Any], key: str) -> str | None:
    """The string under ``key``; None where it is missing or null. Whole numbers become text.

    Raises:
        DataError: The value is something else.
    """
    value = record.get(key)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise DataError(where, f'"{key}" is {value!r}', "Expected a text.")
