"""What a reasoning model thinks aloud before its answer, and how to leave it out."""

from __future__ import annotations

import re

_TAG = r"(?:think|thinking|thought|reasoning)"
_BLOCK = re.compile(rf"<{_TAG}>.*?</{_TAG}>", re.DOTALL | re.IGNORECASE)
_END = re.compile(rf"^.*</{_TAG}>", re.DOTALL | re.IGNORECASE)
_START = re.compile(rf"<{_TAG}>.*$", re.DOTALL | re.IGNORECASE)


def without_thinking(answer: str) -> str:
    """The answer alone.

    Many servers put the opening tag into the prompt, so that only the closing one is in the answer; an answer that
    was cut short has only the opening one.

    Example:
        >>> without_thinking("No, wait.</think>Yes"), without_thinking("<think>No, wa")
        ('Yes', '')
    """
    return _START.sub("", _END.sub("", _BLOCK.sub(" ", answer)))
