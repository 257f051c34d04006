"""Whether a node's text holds a passage that is known by its text only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from math import ceil

from llama_index_rerank_tuner.dataset.likeness.normal_form import UNSPACED, normalised

LEAST_SHARE = 0.5
"""Share of the shorter text, in one piece, that a node and a passage have in common at least."""
LEAST_WORDS = 8
"""Words that this piece has at least, unless it is the whole passage."""

_WORD = re.compile(rf"{UNSPACED}|(?:(?!{UNSPACED})\S)+")


def holds_passage(node: str, passage: str) -> bool:
    r"""Whether a node holds a passage, or a good part of it.

    Case, width, punctuation and white space do not count (``normalised``). A node holds a passage where it contains all
    of it, or where a run of words that stands in both is at least half of the shorter text and at least 8 words; a
    Chinese or Japanese character is a word. So the node may be a chunk of the passage, hold the passage among others,
    or hold most of a passage that was cut at its edge; but the few words by which chunks overlap are not enough.

    Args:
        node: Text of a node.
        passage: Text of a passage.

    Example:
        >>> holds_passage("Market stalls. The fee is\n40 crowns.", "The fee is 40 crowns.")
        True
        >>> holds_passage("The fee is 50 crowns.", "The fee is 40 crowns.")
        False
    """
    return share_a_run(_words(node), _words(passage))


def share_a_run(node: Sequence[str], passage: Sequence[str]) -> bool:
    """Whether a run of words that is long enough stands in both; for texts already cut into words."""
    least = min(len(passage), max(LEAST_WORDS, ceil(LEAST_SHARE * min(len(node), len(passage)))))
    shorter, longer = sorted((node, passage), key=len)
    text, searched = _spaced(shorter), _spaced(longer)
    spaces = [place for place, character in enumerate(text) if character == " "]
    runs = (text[spaces[first] : spaces[first + least] + 1] for first in range(len(shorter) - least + 1))
    return any(run in searched for run in runs)


@lru_cache(maxsize=20_000)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(normalised(text)))


def _spaced(words: Sequence[str]) -> str:
    """One space before, between and after the words, so that no part of a word is found."""
    return f" {' '.join(words)} "
