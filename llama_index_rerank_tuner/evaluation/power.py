"""What a test set could have shown: the smallest difference it detects."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.significance import ALPHA, FEWEST_GROUPS
from llama_index_rerank_tuner.evaluation.statistics import GroupTotals, group_totals

POWER = 0.8
LEAST_FREEDOM = 4.0
"""Degrees of freedom that noise is credited with at least, so that one loud document leaves a finite figure."""


def smallest_detectable(
    differences: Mapping[str, float], groups: Mapping[str, str], power: float = POWER
) -> float | None:
    """The true difference that test sets as large and as noisy as this one would call significant.

    A multiple of the standard error, as in Bloom 1995 ("Minimum detectable effects"), for the verdict's two-sided test.
    The noise is known from the differences' own spread over source documents only, here and in a test set that would
    have to show the difference, so the multiple is larger where that is uncertain: few documents, or few that carry
    most of the spread.

    Args:
        differences: Question to the contestant's value minus the opponent's.
        groups: Question to its source document.
        power: How often, of 1, such a difference is to be called.

    Returns:
        The difference, in the metric's own unit. None where the noise cannot be known: under six source documents, or
        under six on which the differences are not all zero.

    Raises:
        ConfigError: There is no question, or ``power`` is no share from 0.5 to 0.99.
        DataError: A question has no group, or its difference is no finite number.

    Example:
        >>> differences = {"a": 0.2, "b": -0.1, "c": 0.1, "d": 0.0, "e": 0.3, "f": 0.2, "g": -0.2}
        >>> round(smallest_detectable(differences, {question: question for question in differences}), 3)
        0.276
    """
    if not 0.5 <= power <= 0.99:
        raise ConfigError(f"power must be a share from 0.5 to 0.99, got {power}.")
    totals = group_totals(differences, groups)
    if np.count_nonzero(np.abs(totals.sums) > 1e-9) < FEWEST_GROUPS:
        return None
    return multiple(_freedom(totals), power) * standard_error(totals)


def standard_error(totals: GroupTotals) -> float:
    """Standard error of the mean over questions: the jackknife over groups (Efron and Stein 1981).

    Unlike the sandwich estimate, it is not too small where one group holds many of the questions (MacKinnon, Nielsen
    and Webb 2023, "Fast and reliable jackknife and bootstrap methods for cluster-robust inference").
    """
    without = (totals.sums.sum() - totals.sums) / (totals.counts.sum() - totals.counts)
    share = (totals.groups - 1) / totals.groups
    return float(np.sqrt(share * ((without - totals.mean) ** 2).sum()))


def multiple(freedom: float, power: float) -> float:
    """How many standard errors, as two test sets estimate them, must lie between zero and the difference.

    One estimate sets the difference ``m``, the other the critical value ``c``. Each errs by about 1 / sqrt(2 freedom),
    so ``m`` solves ``m - c = z sqrt(1 + (c^2 + m^2) / (2 freedom))`` with the normal quantile ``z`` of the power.
    """
    from scipy.stats import norm, t

    critical, quantile = float(t.ppf(1 - ALPHA / 2, freedom)), float(norm.ppf(power))
    doubt = quantile**2 / (2 * freedom)
    root = sqrt(quantile**2 * (1 - doubt) + critical**2 * doubt * (2 - doubt))
    return (critical + root) / (1 - doubt)


def _freedom(totals: GroupTotals) -> float:
    """Degrees of freedom of the spread: groups less one, and fewer where a few groups carry most of it.

    Fourth moments say so: for normal figures of one spread the mean of their fourth powers is three times the square of
    the mean of their squares.
    """
    squares = (totals.sums - totals.mean * totals.counts) ** 2
    if squares.sum() == 0:
        return totals.groups - 1.0
    carried = 3 * squares.sum() ** 2 / (squares**2).sum() - 2
    return float(min(totals.groups - 1, max(LEAST_FREEDOM, carried)))
