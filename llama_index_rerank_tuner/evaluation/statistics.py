"""Intervals by the paired bootstrap, resampling whole source documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, DataError

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


@dataclass(frozen=True, slots=True)
class GroupTotals:
    """A value a question, added up by source document.

    Args:
        sums: Sum over each group's questions.
        counts: Questions of each group.
    """

    sums: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self.sums)

    @property
    def mean(self) -> float:
        """Mean over questions."""
        return float(self.sums.sum() / self.counts.sum())


def group_totals(values: Mapping[str, float], groups: Mapping[str, str]) -> GroupTotals:
    """Add up the questions of each group.

    Args:
        values: Question to value.
        groups: Question to group; questions that have no value are passed over.

    Raises:
        ConfigError: There is no question.
        DataError: A question has no group, or its value is no finite number.

    Example:
        >>> group_totals({"a": 1.0, "b": 0.5, "c": 0.0}, {"a": "x", "b": "x", "c": "y"}).sums.tolist()
        [1.5, 0.0]
    """
    if not values:
        raise ConfigError("There is no question to take a mean over.")
    for query, value in values.items():
        if query not in groups:
            raise DataError(f"query {query!r}", "it has no group", "Give every question its source document.")
        if not isfinite(value):
            raise DataError(f"query {query!r}", f"its value is {value}", "Expected a finite number.")
    order = {group: index for index, group in enumerate(dict.fromkeys(groups[query] for query in values))}
    members = np.array([order[groups[query]] for query in values])
    sums = np.bincount(members, weights=np.array(list(values.values()))).astype(np.float64)
    return GroupTotals(sums, np.bincount(members))


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
        ConfigError: There is no question, or no sample.
        DataError: A question has no group, or its value is no finite number.

    Example:
        >>> questions = "abcdef"
        >>> cluster_bootstrap(dict.fromkeys(questions, 1.0), {question: question for question in questions})
        Estimate(value=1.0, low=1.0, high=1.0)
    """
    if samples < 1:
        raise ConfigError(f"samples must be a positive number of bootstrap samples, got {samples}.")
    totals = group_totals(values, groups)
    if totals.groups < MIN_GROUPS:
        return Estimate(totals.mean, float("-inf"), float("inf"))
    drawn = np.random.default_rng(seed).integers(0, totals.groups, size=(samples, totals.groups))
    means = totals.sums[drawn].sum(axis=1) / totals.counts[drawn].sum(axis=1)
    tail = 100 * _expanded_tail(totals.groups, confidence)
    low, high = np.percentile(means, [tail, 100 - tail])
    return Estimate(totals.mean, float(low), float(high))


def _expanded_tail(groups: int, confidence: float) -> float:
    """The share to cut at each end so that a percentile interval covers as a t interval over the groups does."""
    from scipy.stats import norm, t

    quantile = t.ppf((1 + confidence) / 2, groups - 1)
    return float(norm.cdf(-quantile * (groups / (groups - 1)) ** 0.5))
