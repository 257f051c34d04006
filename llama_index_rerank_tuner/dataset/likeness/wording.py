"""What a small difference in wording means: texts that are nearly equal can still say different things."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache

from llama_index_rerank_tuner.dataset.likeness.normal_form import UNSPACED, normalised

_NUMBERS = re.compile(r"\d+|[一二三四五六七八九十百千万亿零两]+")
_TERMS = re.compile(rf"{UNSPACED}|(?:(?!{UNSPACED})\S)+")
_PAIRS = re.compile(rf"(?=({UNSPACED}{UNSPACED}))|((?:(?!{UNSPACED})\S){{3,}})")
_ENGLISH = """
    a an the this that these those their they it its he his her our we you your i my is are was were be been being do
    does did has have had can could may might will would shall should of in on at by for to from with as and or there
    what which how who whats please exactly
"""
_FUNCTION_WORDS = frozenset(_ENGLISH.split()) | frozenset("的了吗呢吧啊呀么之请问应该当是否能可以会要如何怎样什哪些有")
_TITLE_AT_MOST = 120
_SAME_WORD = 0.75


def numbers(text: str) -> frozenset[str]:
    """The numbers in a text, in digits or in Chinese."""
    return frozenset(_NUMBERS.findall(text))


def asks_the_same(first: str, second: str) -> bool:
    """Whether two questions differ only in function words, endings and slips of the pen.

    Example:
        >>> asks_the_same("What datasets did they use?", "What dataset do they use?")
        True
        >>> asks_the_same("出租人的义务包括哪些？", "承租人的义务包括哪些？")
        False
    """
    ours, theirs = _terms(first), _terms(second)
    mine, yours = ours - theirs - _FUNCTION_WORDS, theirs - ours - _FUNCTION_WORDS
    return all(_has_twin(word, yours) for word in mine) and all(_has_twin(word, mine) for word in yours)


def lacks_what_is_asked(query: str, positive: str, negative: str) -> bool:
    """Whether a question shares a word with the positive that the negative does not have.

    Example:
        >>> lacks_what_is_asked("What is the fee for sheep?", "The fee for sheep is 4.", "The fee for cows is 4.")
        True
    """
    return bool((_pairs(query) & _pairs(positive)) - _pairs(negative) - _FUNCTION_WORDS)


def body(text: str) -> str:
    """A text without its title: a short first line over a longer rest."""
    title, _, rest = text.partition("\n")
    return rest if len(title) <= _TITLE_AT_MOST and len(rest) > len(title) else text


def _has_twin(word: str, others: Iterable[str]) -> bool:
    if len(word) < 4 or word.isdigit():
        return False
    return any(SequenceMatcher(None, word, other, autojunk=False).ratio() >= _SAME_WORD for other in others)


def _terms(text: str) -> frozenset[str]:
    return frozenset(_TERMS.findall(normalised(text)))


@lru_cache(maxsize=1_000)
def _pairs(text: str) -> frozenset[str]:
    """Words of three letters and more, and pairs of neighbouring Chinese or Japanese characters."""
    return frozenset(match[1] or match[2] for match in _PAIRS.finditer(normalised(text)))
