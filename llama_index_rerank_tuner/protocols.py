"""The small protocols that are handed upwards, so that no room reaches back up the road."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Scorer(Protocol):
    """Scores query-passage pairs.

    Called with ``n`` (query text, passage text) pairs, returns ``n`` logits as float64; higher is more relevant.
    """

    @property
    def name(self) -> str:
        """Name for error messages: the model's path or id."""

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Score the pairs, in order."""


class Encode(Protocol):
    """Embeds texts: ``n`` strings in, an ``(n, dimensions)`` float32 array of unit vectors out."""

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed the texts, in order."""


class Judge(Protocol):
    """Judges whether passages answer questions.

    Called with ``n`` (query text, passage text) pairs, returns ``n`` grades: 0 for not relevant, higher for more
    relevant (1 where the judge only says yes or no), None where no judgement could be had.
    """

    @property
    def name(self) -> str:
        """Name for reports and error messages."""

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """Judge the pairs, in order."""
