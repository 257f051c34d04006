"""Reliability: whether what is said to be relevant with a chance of 0.8 is relevant in 8 cases of 10."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Passages with like probabilities.

    Args:
        predicted: Their mean probability.
        observed: The share of them that is relevant.
        count: How many they are.
    """

    predicted: float
    observed: float
    count: int


def reliability_curve(
    probabilities: Sequence[float], relevant: Sequence[bool | int], bins: int = 10
) -> list[ReliabilityBin]:
    """Compare probabilities with what was relevant, in bins of about equally many passages.

    With well calibrated probabilities every bin lies on the diagonal, up to chance (DeGroot and Fienberg 1983; bins of
    equal size after Nguyen and O'Connor 2015, section 3, because most candidates have a probability near 0). Equal
    probabilities are never parted, so there may be fewer bins, and of unequal size.

    Args:
        probabilities: Of ``n`` passages, from 0 to 1.
        relevant: Whether each is relevant; a grade over 0 is.
        bins: Number of bins asked for.

    Returns:
        The bins that hold a passage, by rising probability.

    Raises:
        ConfigError: There is no bin.
        DataError: The two differ in length, there is none, or a probability is not from 0 to 1.

    Example:
        >>> for each in reliability_curve([0.1, 0.1, 0.9, 0.9], [False, False, True, False], bins=2):
        ...     print(each)
        ReliabilityBin(predicted=0.1, observed=0.0, count=2)
        ReliabilityBin(predicted=0.9, observed=0.5, count=2)
    """
    if bins < 1:
        raise ConfigError(f"bins must be a positive number of bins, got {bins}.")
    chances, labels = _checked(probabilities, relevant)
    order = np.argsort(chances, kind="stable")
    chances, labels = chances[order], labels[order]
    starts = _starts(chances, bins)
    return [
        ReliabilityBin(float(chances[start:end].mean()), float(labels[start:end].mean()), end - start)
        for start, end in zip(starts, [*starts[1:], len(chances)], strict=True)
    ]


def _checked(
    probabilities: Sequence[float], relevant: Sequence[bool | int]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if len(probabilities) != len(relevant):
        raise DataError(
            "reliability",
            f"there are {len(probabilities)} probabilities and {len(relevant)} labels",
            "Give one label for each probability.",
        )
    if not len(probabilities):
        raise DataError("reliability", "there is no probability", "Give those of the candidates of some questions.")
    chances = np.asarray(probabilities, dtype=np.float64)
    wrong = chances[~((chances >= 0) & (chances <= 1))]
    if len(wrong):
        raise DataError(
            "reliability",
            f"{wrong[0]} is no probability",
            "Give calibrated probabilities from 0 to 1, not logits.",
        )
    return chances, np.asarray(relevant) > 0


def _starts(ascending: NDArray[np.float64], bins: int) -> list[int]:
    """Where the bins begin: each cut of an even division, moved to the nearer end of the equal probabilities there."""
    cuts = np.array([part[0] for part in np.array_split(np.arange(len(ascending)), bins) if len(part)])
    firsts, ends = (np.searchsorted(ascending, ascending[cuts], side) for side in ("left", "right"))
    starts = np.where(cuts - firsts <= ends - cuts, firsts, ends)
    return sorted({int(start) for start in starts if start < len(ascending)})
