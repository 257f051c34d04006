"""Shingles: the overlapping pieces of a text by which two texts are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from llama_index_rerank_tuner.dataset.likeness.normal_form import UNSPACED_RANGES, normalised

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Shingles = NDArray[np.uint64]

_LETTERS, _IDEOGRAPHS = 5, 3
_PADDING = np.zeros(_LETTERS - 1, np.uint64)
_MULTIPLIERS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xFF51AFD7ED558CCD], np.uint64
)


def similarity(first: str, second: str) -> float:
    """How much two texts have in common, from 0 to 1: the Jaccard similarity of their shingles.

    A shingle is what starts at one character of the normal form: five characters, or three where it is a Chinese or
    Japanese one. Texts with the same normal form have similarity 1.

    Example:
        >>> similarity("The fee is 40 crowns.", "the fee is 40 crowns")
        1.0
        >>> round(similarity("企业应当在5月31日前申报", "企业应当于5月31日前申报"), 3)
        0.625
    """
    return jaccard(shingles_of(normalised(first)), shingles_of(normalised(second)))


def shingles_of(form: str) -> Shingles:
    """The different shingles of a normal form as sorted 64-bit hashes, one starting at each character."""
    if not form:
        return np.zeros(0, np.uint64)
    codes = np.frombuffer(form.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(np.append(codes, _PADDING), _LETTERS)
    ideographs = np.logical_or.reduce([(first <= codes) & (codes <= last) for first, last in UNSPACED_RANGES])
    length = np.where(ideographs, _IDEOGRAPHS, _LETTERS)
    hashes = (windows * _MULTIPLIERS * (np.arange(_LETTERS) < length[:, None])).sum(axis=1, dtype=np.uint64)
    # Multiplying spreads a character over the high bits only; folding them down makes both halves of the hash usable.
    hashes ^= hashes >> np.uint64(29)
    return np.unique(hashes * _MULTIPLIERS[-1])


def jaccard(first: Shingles, second: Shingles) -> float:
    """Shared shingles over all shingles; 1 for two texts without any."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    union = len(first) + len(second) - shared
    return shared / union if union else 1.0
