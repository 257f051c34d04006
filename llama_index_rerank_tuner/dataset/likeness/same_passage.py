"""When one passage says what another says: nearly equal, containing it, or resembling it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from llama_index_rerank_tuner.dataset.likeness.normal_form import UNSPACED, normalised
from llama_index_rerank_tuner.dataset.likeness.shingles import similarity
from llama_index_rerank_tuner.dataset.likeness.wording import body, lacks_what_is_asked, numbers

NEARLY_EQUAL = 0.9
"""From this similarity on, and with the same numbers, a passage says what the other says."""
NEAR = 0.6
"""From this similarity on a passage is worth a look."""
PART = 0.4
"""A contained text must be at least this share of the text around it: a heading is no answer."""
SHORTEST_PART = 12
"""Characters that a contained text must have."""

_LONG_ENOUGH, _PIECES, _SHARED_PIECES = 60, 25, 0.25
_PIECE, _PIECE_UNSPACED = 8, 5
# At a similarity of 0.6 three quarters of the shingles are shared, so over half of such pieces are.
_UNSPACED = re.compile(UNSPACED)


class Likeness(NamedTuple):
    """How one passage is like another.

    Args:
        kind: ``equal`` (nearly word for word), ``part`` (one contains the other) or ``alike``.
        similarity: Jaccard similarity of their shingles; of the texts under their titles, save where ``equal``.
    """

    kind: Literal["equal", "part", "alike"]
    similarity: float


def likeness(query: str, passage: str, positive: str, near: float = NEAR) -> Likeness | None:
    """How a passage is like a positive of a question; None where it is not, or lacks what the question asks for.

    Args:
        query: The question.
        passage: The passage.
        positive: A passage that is relevant for the question.
        near: Similarity from which on two texts are alike; under 0.5, some that are alike go unseen.

    Example:
        >>> fee = "The fee for a fishing permit is forty crowns a year."
        >>> likeness("What is the fee?", fee + " Children pay nothing.", fee).kind
        'part'
        >>> likeness("What does fishing cost?", fee.replace("fishing", "boating"), fee) is None
        True
    """
    first, second = _normalised(body(passage)), _normalised(body(positive))
    shorter, longer = sorted((first, second), key=len)
    if len(shorter) < PART * len(longer) or not _overlap(shorter, longer):
        return None
    bodies, contained = similarity(first, second), len(shorter) >= SHORTEST_PART and shorter in longer
    if bodies < near and not contained:
        return None
    missing = lacks_what_is_asked(query, second, first)
    whole = similarity(passage, positive)
    if whole >= NEARLY_EQUAL and not missing and numbers(passage) == numbers(positive):
        return Likeness("equal", whole)
    if contained:
        return Likeness("part", bodies)
    return None if missing else Likeness("alike", bodies)


def _overlap(shorter: str, longer: str) -> bool:
    """Whether enough pieces of the shorter text stand in the longer one; cheap, and true of all that is alike."""
    if len(shorter) < _LONG_ENOUGH:
        return True
    piece = _PIECE_UNSPACED if _UNSPACED.search(shorter) else _PIECE
    starts = range(0, len(shorter) - piece, len(shorter) // _PIECES)
    return sum(shorter[at : at + piece] in longer for at in starts) >= _SHARED_PIECES * len(starts)


@lru_cache(maxsize=10_000)
def _normalised(text: str) -> str:
    return normalised(text)
