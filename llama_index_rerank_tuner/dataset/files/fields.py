"""Checks on the fields of a record: each gives a clean value, or an error that names the place and the fix."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from llama_index_rerank_tuner.errors import DataError

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlevel = 3


def shown(value: Any) -> str:
    """A value as an error message shows it: short, whatever it is.

    Example:
        >>> shown("yes"), len(shown("long " * 1000))
        ("'yes'", 80)
    """
    try:
        return _SHORT.repr(value)
    except ValueError:
        return "a number with thousands of digits"


def present_keys(record: Mapping[Any, Any]) -> str:
    """The first keys of a record, for an error message."""
    names = [str(name).encode("utf-8", "backslashreplace").decode() for name in list(record)[:12]]
    more = "" if len(record) <= len(names) else ", ..."
    return (", ".join(name if len(name) <= 40 else f"{name[:40]}..." for name in names) or "nothing") + more


def required_text(where: str, record: Mapping[str, Any], key: str) -> str:
    """The non-empty string under ``key``.

    Raises:
        DataError: The key is missing, or its value is empty or no string.
    """
    if key not in record:
        raise DataError(where, f'the key "{key}" is missing (it has {present_keys(record)})', f'Add "{key}".')
    return checked_text(where, key, record[key])


def checked_text(where: str, name: str, value: Any) -> str:
    """A text that is not empty and can be written as UTF-8.

    Raises:
        DataError: It is something else, or holds half of a surrogate pair.
    """
    if not isinstance(value, str) or not value.strip():
        raise DataError(where, f'"{name}" is {shown(value)}', "Expected a text that is not empty.")
    return _whole_characters(where, name, value)


def optional_text(where: str, record: Mapping[str, Any], key: str) -> str | None:
    """The string under ``key``; None where it is missing or null. Whole numbers become text.

    Raises:
        DataError: The value is something else, or holds half of a surrogate pair.
    """
    return text_or_none(where, key, record.get(key))


def text_or_none(where: str, name: str, value: Any) -> str | None:
    """A string or None as it is, a whole number as text.

    Raises:
        DataError: The value is something else, or holds half of a surrogate pair.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _whole_characters(where, name, value)
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    except ValueError as error:
        raise DataError(where, f'"{name}" is {shown(value)}', "Write a long number as a text.") from error
    raise DataError(where, f'"{name}" is {shown(value)}', "Expected a text.")


def _whole_characters(where: str, name: str, value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            where, f'"{name}" holds half a character at position {error.start}', "Write it again as UTF-8."
        ) from error
    return value


def optional_mapping(where: str, record: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object under ``key``, empty where it is missing or null.

    Raises:
        DataError: It is no object, or it could not be written as UTF-8 JSON again.
    """
    value = record.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DataError(where, f'"{key}" is a {type(value).__name__}', "Expected an object.")
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (UnicodeEncodeError, RecursionError, TypeError, ValueError) as error:
        problem = f'"{key}" cannot be written as JSON ({type(error).__name__})'
        raise DataError(where, problem, "Make it plain JSON, a few levels deep.") from error
    return value


def number(where: str, name: str, value: Any) -> float:
    """A finite number, or a string that spells one.

    Raises:
        DataError: It is neither.
    """
    try:
        spelled_oddly = isinstance(value, str) and "_" in value
        result = float("nan") if spelled_oddly else float(value)
    except (TypeError, ValueError, OverflowError):
        result = float("nan")
    if not abs(result) < float("inf"):
        raise DataError(where, f'"{name}" is {shown(value)}', "Expected a number (1 relevant, 0 not).")
    return result


def plain_number(label: float) -> int | float:
    """A whole number without its ``.0``, as people write labels."""
    return int(label) if float(label).is_integer() else label


def fresh_ids(taken: Iterable[str | None]) -> Iterator[str]:
    """Made-up query ids ``q0``, ``q1``, ... that are not taken."""
    given = set(taken)
    return (name for name in map("q{}".format, count()) if name not in given)
