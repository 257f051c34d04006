"""From an LLM's answer to questions: only what stands in a list counts, never the talk around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from llama_index_rerank_tuner.questions.question_text import NUMBERING, asks, clean_question
from llama_index_rerank_tuner.questions.thinking import without_thinking

_QUESTION_KEYS = ("question", "query", "q", "问题")
_LIST_KEYS = ("questions", "queries", "问题")
_NUMBERED_KEY = re.compile(r"(?:question|query|q|问题)?[\s_-]*\d+", re.IGNORECASE)
_NUMBERED_QUESTION = re.compile(
    rf"^[ \t]*\**(?:{NUMBERING})[ \t]*(.+[?？][\"”'’*」』]*)[ \t]*$", re.MULTILINE | re.IGNORECASE
)
_LOOSE_LIST = re.compile(r"\[\s*[\"'“「](.*?)[\"'”」]\s*[,，、]?\s*\]", re.DOTALL)
_LOOSE_COMMA = re.compile(r"[\"'”」]\s*(?:[,，、;；]\s*|\n\s*)[\"'“「]")


def parse_questions(answer: str) -> list[str] | None:
    """Read the questions of an answer.

    A JSON list of strings is wanted, alone or after and before other text, in a code fence, as the value of an
    object, or with objects such as ``{"question": ...}`` in it. A list that is no JSON (single or Chinese quotes, a
    comma too many) counts where all in it are questions. An answer without any list may be a numbered list of lines
    that end in question marks. Numbering and quotes go; headings and statements in the list go.

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
    text = without_thinking(answer)
    lists = list(_json_lists(text))
    best = _best([_cleaned(strings) for strings in lists])
    if best:
        return best
    if [] in lists and not re.search(r"\[\s*[^\]\s]", text):
        return []
    if re.search(r"\[\s*[\"'“「{]", text):
        return _best([_all_asking(_LOOSE_COMMA.split(body)) for body in _LOOSE_LIST.findall(text)]) or None
    return _cleaned(_NUMBERED_QUESTION.findall(text)) or None


def _cleaned(strings: list[str]) -> list[str]:
    return [question for question in map(clean_question, strings) if question is not None]


def _all_asking(strings: list[str]) -> list[str]:
    """The questions of a list that was not cut by a JSON parser: none where one of them may be a piece of another."""
    questions = _cleaned([re.sub(r"\\(['\"])", r"\1", string) for string in strings])
    return questions if len(questions) == len(strings) and all(map(asks, questions)) else []


def _best(lists: list[list[str]]) -> list[str]:
    """The list with the most questions; all of them in a row where each holds one."""
    if lists and all(len(questions) <= 1 for questions in lists):
        found = [question for questions in lists for question in questions]
        return [question for question in found if asks(question)] or found[:1]
    return max(lists, key=lambda questions: (sum(map(asks, questions)), len(questions)), default=[])


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


def _next_bracket(text: str, start: int) -> int:
    found = re.compile(r"[\[{]").search(text, start)
    return found.start() if found else -1


def _strings(value: Any) -> list[str] | None:
    """The strings of a list, of a list of ``{"question": ...}``, or of an object that holds one such list."""
    if isinstance(value, dict):
        return _strings_of_object(value)
    if not isinstance(value, list):
        return None
    named = [_named(each) if isinstance(each, dict) else each for each in value]
    strings = [each for each in named if isinstance(each, str)]
    return strings if len(strings) == len(value) else None


def _strings_of_object(value: dict[str, Any]) -> list[str] | None:
    """Of ``{"questions": [...]}``, ``{"question": "..."}``, ``{"1": "...", "2": "..."}`` or an object with one list."""
    told = [_strings(value[key]) for key in _LIST_KEYS if isinstance(value.get(key), list)]
    lists = [strings for strings in told or map(_strings, value.values()) if strings is not None]
    if len(lists) == 1:
        return lists[0]
    if value and all(isinstance(each, str) and _NUMBERED_KEY.fullmatch(key) for key, each in value.items()):
        return list(value.values())
    only = _named(value)
    return [only] if only is not None else None


def _named(value: dict[str, Any]) -> str | None:
    """The question of an object."""
    return next((value[key] for key in _QUESTION_KEYS if isinstance(value.get(key), str)), None)
