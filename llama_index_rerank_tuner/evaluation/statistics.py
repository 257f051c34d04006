"""Intervals by the paired bootstrap, resampling whole source documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np

from llama_index_rerank_tuner.errors import ConfigError

CONFIDENCE = 0.95
MIN_GROUPS = 5
"""Under five groups no interval can be trusted: it is left unbounded, so that nothing follows from it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over questions with its interval, of 95 % where nothing else was asked for."""

    value: float
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        """Whether there were groups enough for an interval."""
        return isfinite(self.low) and isfinite(self.high)

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval lies below zero."""
        return self.high < 0


def cluster_bootstrap(
    values: Mapping[str, float],
    groups: Mapping[str, str],
    samples: int = 5000,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Mean over questions, with a percentile interval from resampled groups.

    Questions about one document stand or fall together, so groups are drawn, not questions (Cameron, Gelbach and
    Miller 2008, section II). The percentiles are widened for few groups, as the t distribution is wider than the normal
    (the expanded percentile interval of Hesterberg 2015). For a difference between two systems, pass each question's
    own difference.

    Args:
        values: Question to value.
        groups: Question to group.
        samples: Bootstrap samples.
        seed: Same values and seed, same interval.
        confidence: Share of such intervals that hold the true mean. Each end of a 90 % interval is a one-sided 95 %
            bound.

    Raises:
        ConfigError: There is no question.

    Example:
        >>> questions = "abcdef"
        >>> cluster_bootstrap(dict.fromkeys(questions, 1.0), {question: question for question in questions})
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
    if len(order) < MIN_GROUPS:
        return Estimate(mean, float("-inf"), float("inf"))
    drawn = np.random.default_rng(seed).integers(0, len(order), size=(samples, len(order)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    tail = 100 * _expanded_tail(len(order), confidence)
    low, high = np.percentile(means, [tail, 100 - tail])
    return Estimate(mean, float(low), float(high))


def _expanded_tail(groups: int, confidence: float) -> float:
    """The share to cut at each end so that a percentile interval covers as a t interval over the groups does."""
    from scipy.stats import norm, t

    quantile = t.ppf((1 + confidence) / 2, groups - 1)
    return float(norm.cdf(-quantile * (groups / (groups - 1)) ** 0.5))
