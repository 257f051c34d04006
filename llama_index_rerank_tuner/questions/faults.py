"""What to do when a call to an LLM fails: try again later, give up on this prompt, or stop the run."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any

LONGEST_PAUSE = 60.0
"""Seconds; the doubling pauses stop growing here."""

_PASSING = frozenset({408, 409, 425, 429})
_HOPELESS = frozenset({401, 402, 403, 404})
_PROGRAMMING = (TypeError, AttributeError, NameError, NotImplementedError, ImportError)


class Fault(Enum):
    """Kinds of failed calls."""

    PASSING = "try again"
    OF_THE_PROMPT = "give this prompt up"
    OF_THE_SETUP = "stop the run"


def fault_of(error: Exception) -> Fault:
    """Tell what a failed call calls for, by its HTTP status where the error carries one.

    408, 409, 425, 429 and 5xx pass; 401, 402, 403 and 404 (key, money, permission, model name) would hit every prompt;
    any other 4xx is this prompt's own, for example one that a filter refuses or that is too long. Without a status it
    is taken to pass, unless it is a programming error.

    Example:
        >>> fault_of(TimeoutError()).name, fault_of(TypeError("no such argument")).name
        ('PASSING', 'OF_THE_SETUP')
    """
    status = _status(error)
    if status is None:
        return Fault.OF_THE_SETUP if isinstance(error, _PROGRAMMING) else Fault.PASSING
    if status in _HOPELESS:
        return Fault.OF_THE_SETUP
    return Fault.PASSING if status in _PASSING or status >= 500 else Fault.OF_THE_PROMPT


def pause_after(error: Exception, failures: int, first_pause: float) -> float:
    """Seconds to wait after the given number of failures in a row: doubling, or what the server asked for if longer.

    Example:
        >>> [pause_after(TimeoutError(), failures, 0.5) for failures in (1, 2, 3, 10)]
        [0.5, 1.0, 2.0, 60.0]
    """
    doubled = first_pause * float(2 ** min(failures - 1, 30))
    return min(LONGEST_PAUSE, max(doubled, _asked_for(error)))


def describe(error: Exception) -> str:
    """One line about a failed call, for a report."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "no answer in time"
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0][:200]}" if first else type(error).__name__


def _status(error: Exception) -> int | None:
    places: list[Any] = [error, getattr(error, "response", None)]
    for place in places:
        for name in ("status_code", "status", "code"):
            status = getattr(place, name, None)
            if isinstance(status, int) and 400 <= status < 600:
                return int(status)
    return None


def _asked_for(error: Exception) -> float:
    headers = getattr(getattr(error, "response", None), "headers", None)
    try:
        return float(headers["retry-after"]) if headers is not None else 0.0
    except (KeyError, TypeError, ValueError):
        return 0.0
