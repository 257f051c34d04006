"""The normal form of a text: what is left when case, width, punctuation and spacing no longer count."""

from __future__ import annotations

import re
import unicodedata

UNSPACED_RANGES = ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
"""First and last code points of the characters written without spaces between words: kana and Han."""
UNSPACED = "[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in UNSPACED_RANGES) + "]"
"""The same characters as a character class of a regular expression."""

_IN_WORD_APOSTROPHE = re.compile(r"(?<=[^\W\d_])['\u2018\u2019\u02bc](?=[^\W\d_])")
_IDLE_SPACE = re.compile(rf"(?<={UNSPACED}) | (?={UNSPACED})")


class _Folding(dict[int, str]):
    """Code point to what stands for it, found when it is first met (for ``str.translate``)."""

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))
        self[code] = folded = _folded(chr(code), category)
        return folded


def _folded(character: str, category: str) -> str:
    if category == "Cf":
        return ""
    # "C#" is not "C", nor "5 %" the number 5: these two marks carry meaning, as symbols (+, <, €) do.
    if category[0] in "ZCP" and character not in "#%":
        return " "
    return " " if category == "Sk" else character


_FOLDING = _Folding()


def normalised(text: str) -> str:
    """The normal form of a text: two texts with the same normal form are the same text.

    Compatibility forms are folded (NFKC: full-width letters, ligatures), so is case; every run of punctuation and white
    space is one space, none at the ends and none beside a Chinese character; an apostrophe inside a word is dropped.
    Symbols (``+``, ``€``) and the marks ``#`` and ``%`` stay: "C", "C++" and "C#" are three things. A text of nothing
    but punctuation keeps it.

    Example:
        >>> normalised("  Ｗhat's the FEE, for form-A? ")
        'whats the fee for form a'
        >>> normalised("如何申报 R&D 费用？")
        '如何申报r d费用'
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    words = " ".join(_IN_WORD_APOSTROPHE.sub("", folded).translate(_FOLDING).split())
    return _IDLE_SPACE.sub("", words) or " ".join(folded.split())
