"""Near duplicates among many texts: all of them up to a limit, a sample beyond it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from llama_index_rerank_tuner.dataset.audit.forms import Forms
from llama_index_rerank_tuner.dataset.likeness.near_duplicates import near_duplicate_pairs

SEARCH_LIMIT = 10_000
"""Different texts searched for near duplicates, at most; of more, a sample is searched."""
NEAR_QUESTIONS = 0.6
NEAR_PASSAGES = 0.8


@dataclass(frozen=True, slots=True)
class NearTexts:
    """Near duplicates among texts.

    Args:
        pairs: Two different texts and their similarity.
        searched: Number of different texts that were compared.
        total: Number of different texts there are.
    """

    pairs: tuple[tuple[str, str, float], ...]
    searched: int
    total: int

    @property
    def complete(self) -> bool:
        """Whether all texts were compared."""
        return self.searched == self.total

    @property
    def scope(self) -> str:
        """What to add to a sentence where only a sample was searched."""
        return "" if self.complete else f" in a sample of {self.searched:,} of {self.total:,} different texts"


def near_texts(texts: Iterable[str], threshold: float, forms: Forms, limit: int, seed: int) -> NearTexts:
    """Texts of different normal form that are nearly the same.

    Args:
        texts: The texts; of those with the same normal form, the first stands for all.
        threshold: Least similarity.
        forms: Numbers texts by normal form.
        limit: Texts searched at most; a sample beyond it, nothing at 0.
        seed: Draws the sample, and the hashes of the search.
    """
    different: dict[int, str] = {}
    for text in texts:
        different.setdefault(forms(text), text)
    searched = list(different.values())
    if len(searched) > limit:
        searched = random.Random(seed).sample(searched, limit)
    pairs = near_duplicate_pairs(searched, threshold, seed) if searched else []
    return NearTexts(
        tuple((searched[first], searched[second], alike) for first, second, alike in pairs),
        len(searched),
        len(different),
    )
