"""Records as JSON holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any


def plain(value: Any) -> Any:
    """Dataclasses and mappings as objects, sequences and arrays as lists; None for a number that is not finite.

    Raises:
        TypeError: A value has no place in JSON.

    Example:
        >>> plain({"gaps": (1.5, float("nan")), 3: float("inf")})
        {'gaps': [1.5, None], '3': None}
    """
    if hasattr(value, "tolist"):  # numpy
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, Sequence):
        return [plain(each) for each in value]
    raise TypeError(f"A report cannot hold a {type(value).__name__}: {value!r}")
