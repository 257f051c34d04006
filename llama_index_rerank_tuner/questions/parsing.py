"""From an LLM's answer to questions: only what stands in a list counts, never the talk around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

LONGEST_QUESTION = 400
"""Characters; what is longer is no question that anyone types."""

_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_NUMBERED_QUESTION = re.compile(r"^[ \t]*(?:\(?\d{1,2}[.)、:：）]|[-*•])[ \t]*(.+[?？][\"”'’*]*)[ \t]*$", re.MULTILINE)
_NUMBERING = re.compile(
    r"^(?:(?:question|q|问题|问)\s*\d{0,2}\s*[.):、：）-]\s*|\(?\d{1,2}[)、：）]\s*|\d{1,2}[.:]\s+|[-*•]\s+)",
    re.IGNORECASE,
)
_QUOTES = "\"'`*“”‘’「」 \t"
_OF_THE_PASSAGE = re.compile(
    r"\b(?:the|this|that) (?:passage|text above|given text|excerpt)\b|\baccording to (?:the|this) (?:text|document)\b"
    r"|(?:本文|该文|上文|文中|本段|该段|此段|这段|这个段落|段落中|上述内容|上述段落)",
    re.IGNORECASE,
)


def parse_questions(answer: str) -> list[str] | None:
    """Read the questions of an answer.

    A JSON list of strings is wanted, alone or after and before other text, in a code fence, as the value of an
    object, or with objects such as ``{"question": ...}`` in it. An answer without any JSON list may be a numbered
    list of lines that end in question marks. Numbering and quotes go; headings in the list go.

    Args:
        answer: What the LLM said.

    Returns:
        The questions, in order; an empty list where the LLM answered ``[]``; None where the answer is unreadable.

    Example:
        >>> parse_questions('Sure! ["1. Who may apply?", "When is it due?"] Let me know if you need more.')
        ['Who may apply?', 'When is it due?']
        >>> parse_questions("[]"), parse_questions("I cannot help with that.")
        ([], None)
    """
    text = _THINKING.sub(" ", answer)
    lists = list(_json_lists(text))
    cleaned = [[question for question in map(_clean, strings) if question is not None] for strings in lists]
    best = max(cleaned, key=_asking, default=[])
    if best:
        return best
    if [] in lists and not re.search(r"\[\s*[^\]\s]", text):
        return []
    if re.search(r"\[\s*[\"'{]", text):
        return None
    numbered = [_clean(line) for line in _NUMBERED_QUESTION.findall(text)]
    return [question for question in numbered if question is not None] or None


def speaks_of_passage(question: str) -> bool:
    """Whether a question names the passage it was made from, which nobody does who searches.

    Example:
        >>> speaks_of_passage("What does the passage say of fees?"), speaks_of_passage("文中提到的费用是多少?")
        (True, True)
        >>> speaks_of_passage("Which document shows my income?")
        False
    """
    return _OF_THE_PASSAGE.search(question) is not None


def _json_lists(text: str) -> Iterator[list[str]]:
    """Every list of strings in the text that is JSON, in order; nested ones are not looked into."""
    decoder = json.JSONDecoder()
    at = 0
    while (at := _next_bracket(text, at)) >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError:
            at += 1
            continue
        except RecursionError:
            return
        strings = _strings(value)
        if strings is not None:
            yield strings
        at = end


def _asking(questions: list[str]) -> tuple[int, int]:
    return sum(question.endswith(("?", "？")) for question in questions), len(questions)


def _next_bracket(text: str, start: int) -> int:
    found = re.compile(r"[\[{]").search(text, start)
    return found.start() if found else -1


def _strings(value: Any) -> list[str] | None:
    """The strings of a list, of a list of ``{"question": ...}``, or of an object that holds one such list."""
    if isinstance(value, dict):
        lists = [strings for strings in map(_strings, value.values()) if strings is not None]
        if len(lists) == 1:
            return lists[0]
        only = value.get("question")
        return [only] if isinstance(only, str) else None
    if not isinstance(value, list):
        return None
    named = [each.get("question", each.get("query")) if isinstance(each, dict) else each for each in value]
    strings = [each for each in named if isinstance(each, str)]
    return strings if len(strings) == len(value) else None


def _clean(string: str) -> str | None:
    """A question without its numbering and quotes; None for what is no question."""
    question = " ".join(string.split()).strip(_QUOTES)
    question = _NUMBERING.sub("", question).strip(_QUOTES)
    letters = sum(character.isalpha() for character in question)
    if letters < 3 or len(question) > LONGEST_QUESTION or question.endswith((":", "：")):
        return None
    return question
