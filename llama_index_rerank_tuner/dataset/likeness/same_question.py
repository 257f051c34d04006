"""When two queries ask the same thing: a strict rule, because a short text changes its meaning with one word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from llama_index_rerank_tuner.dataset.likeness.normal_form import UNSPACED, normalised
from llama_index_rerank_tuner.dataset.likeness.shingles import similarity

LONG_QUESTION = 12
"""Words from which a question is long enough to be compared by its shingles; two Chinese characters are a word."""
LONG_SIMILARITY = 0.8
"""Least similarity of two long questions that ask the same thing."""

_MISSPELT_LENGTH = 4
_TOKENS = re.compile(rf"{UNSPACED}|(?:(?!{UNSPACED})\S)+")
_IDEOGRAPH = re.compile(UNSPACED)
_COURTESY = re.compile("请问|您好|你好|[的了吗呢吧啊呀嘛]")
_CONTRACTION = re.compile(r"\b(ca|do|does|did|is|are|was|were|could|would|should|must|need|have|has|had)n(?:no)?t\b")
_FUNCTION_WORDS = frozenset(
    """
    a an the of is are was were be been being am do does did have has had please exactly just also
    this that these those their they its it our we us my me i your you there
    """.split()  # noqa: SIM905
)
_SAME_WORDS = {"which": "what", "cannot": "not", "wont": "not"}
_NEGATIONS = frozenset(
    {"not", "no", "never", "without", "nor", "neither", "none", "except", "unless", *"不没未无非否莫勿别除"}
)
_NUMERALS = frozenset("〇零一二三四五六七八九十百千万亿两半甲乙丙丁")


@dataclass(frozen=True, slots=True)
class Wording:
    """A query as the rule sees it.

    Args:
        form: Its normal form.
        words: Its words without articles, auxiliaries and pronouns, plurals as singulars; single Chinese characters.
        joined: The words as one text; letters on both sides of a gap are joined ("pre-training", "pretraining").
        fixed: The words that may not differ: numbers, identifiers, single letters, negations.
    """

    form: str
    words: tuple[str, ...]
    joined: str
    fixed: tuple[str, ...]

    @property
    def length(self) -> float:
        """Number of words; two Chinese characters are a word."""
        return sum(0.5 if _IDEOGRAPH.fullmatch(word) else 1 for word in self.words)


def wording_of(query: str) -> Wording:
    """Take a query apart.

    Example:
        >>> wording_of("Which of the forms don't I need, AP-2 or B?").words
        ('what', 'form', 'not', 'need', 'ap', '2', 'or', 'b')
    """
    form = normalised(query)
    spelt = _COURTESY.sub("", _CONTRACTION.sub(r"\1 not", form)) or form
    tokens = [_SAME_WORDS.get(word, word) for word in map(_singular, _TOKENS.findall(spelt))]
    # A last "a" is no article: "form A".
    words = tuple(w for w in tokens[:-1] if w not in _FUNCTION_WORDS) + tuple(
        w for w in tokens[-1:] if w == "a" or w not in _FUNCTION_WORDS
    )
    words = words or tuple(tokens)
    joined = re.sub(r"(?<=[^\W\d_]{2}) (?=[^\W\d_]{2})", "", " ".join(words))
    return Wording(form, words, joined, tuple(word for word in words if _is_fixed(word)))


def same_question(first: str, second: str) -> bool:
    """Whether two queries are the same or nearly the same.

    They are when their normal forms are equal; or when, leaving out articles, auxiliaries, pronouns and plurals, their
    words are the same in the same order, or differ in one misspelt word (one edit in a word of five or more letters,
    neither in its first letter nor another last letter: "employer" is not "employee"); or when both have 12 words or
    more (24 Chinese characters), their shingles have a similarity of 0.8, and their numbers, identifiers, single
    letters and negations are the same in the same order.

    Example:
        >>> same_question("What is the fee for form A?", "What is the fee for form B?")
        False
        >>> same_question("What are the fees for the form?", "what is the fee for this form")
        True
        >>> same_question("2024年企业所得税如何申报？", "请问2024年企业所得税如何申报")
        True
    """
    return same_wording(wording_of(first), wording_of(second))


def same_wording(first: Wording, second: Wording) -> bool:
    """``same_question`` for queries that are taken apart already."""
    if first.form == second.form or first.joined == second.joined:
        return True
    if first.fixed != second.fixed:
        return False
    return _one_misspelt(first.words, second.words) or (
        min(first.length, second.length) >= LONG_QUESTION
        and similarity(" ".join(first.words), " ".join(second.words)) >= LONG_SIMILARITY
    )


def misspelling_keys(wording: Wording) -> Iterator[tuple[object, ...]]:
    """Keys of which two wordings with one misspelt word share at least one.

    One edit in a word of five letters leaves its first two letters or its last two as they were.
    """
    for place, word in enumerate(wording.words):
        if _may_be_misspelt(word):
            rest = wording.words[:place], wording.words[place + 1 :]
            yield (*rest, "starts", word[:2])
            yield (*rest, "ends", word[-2:])


def _one_misspelt(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    if len(first) != len(second):
        return False
    differing = [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]]
    return (
        len(differing) == 1 and all(map(_may_be_misspelt, differing[0])) and _one_edit(*sorted(differing[0], key=len))
    )


def _may_be_misspelt(word: str) -> bool:
    return len(word) >= _MISSPELT_LENGTH and word.isalpha()


def _one_edit(shorter: str, longer: str) -> bool:
    """One letter added, replaced or two swapped; not the first letter, not the last one replaced."""
    if shorter[0] != longer[0] or len(longer) <= _MISSPELT_LENGTH:
        return False
    start = next((i for i, letter in enumerate(shorter) if letter != longer[i]), len(shorter))
    one, other = shorter[start:], longer[start:]
    if len(shorter) < len(longer):
        return one == other[1:]
    replaced, swapped = one[1:] == other[1:] != "", one[:2] == other[1::-1] and one[2:] == other[2:]
    return replaced or swapped


def _singular(word: str) -> str:
    if len(word) < 4 or not word.isalpha() or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return re.sub(r"(?<=ss|sh|ch)es$|(?<=x)es$|s$", "", word)


def _is_fixed(word: str) -> bool:
    if _IDEOGRAPH.fullmatch(word):
        return word in _NEGATIONS or word in _NUMERALS
    return len(word) == 1 or not word.isalpha() or word in _NEGATIONS
