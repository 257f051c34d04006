"""Intervals by the paired bootstrap, resampling whole source documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from llama_index_rerank_tuner.errors import ConfigError

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over questions with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval lies below zero."""
        return self.high < 0


def cluster_bootstrap(
    values: Mapping[str, float], groups: Mapping[str, str], samples: int = 5000, seed: int = 0
) -> Estimate:
    """Mean over questions, with a percentile interval from resampled groups.

    Questions about one document stand or fall together, so groups are drawn, not questions (Cameron, Gelbach and
    Miller 2008, section II). For a difference between two systems, pass each question's own difference. One group says
    nothing about any other: its interval is unbounded.

    Args:
        values: Question to value.
        groups: Question to group.
        samples: Bootstrap samples.
        seed: Same values and seed, same interval.

    Raises:
        ConfigError: There is no question.

    Example:
        >>> cluster_bootstrap({"a": 1.0, "b": 1.0}, {"a": "x", "b": "y"})
        Estimate(value=1.0, low=1.0, high=1.0)
    """
    if not values:
        raise ConfigError("There is no question to take a mean over.")
    if samples < 1:
        raise ConfigError(f"samples must be a positive number of bootstrap samples, got {samples}.")
    order = {group: index for index, group in enumerate(dict.fromkeys(groups[query] for query in values))}
    members = np.array([order[groups[query]] for query in values])
    sums = np.bincount(members, weights=np.array(list(values.values())))
    counts = np.bincount(members)
    mean = float(sums.sum() / counts.sum())
    if len(order) < 2:
        return Estimate(mean, float("-inf"), float("inf"))
    drawn = np.random.default_rng(seed).integers(0, len(order), size=(samples, len(order)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return Estimate(mean, float(low), float(high))
