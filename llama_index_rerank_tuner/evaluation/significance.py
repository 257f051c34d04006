"""Whether a difference could be chance: a sign-flip test over source documents, Holm's correction, wins and losses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.statistics import group_totals

ALPHA = 0.04
"""A difference is significant when chance alone would bring one as large at most this often.

Under 0.05, because the test errs a little more often than it says where few documents gain much and many lose little
(``benchmarks/verdict_calibration.py``).
"""

FEWEST_GROUPS = ceil(log2(2 / ALPHA))
"""Groups that a sign-flip test needs: even five that all agree have a p value of 2 / 2^5 = 0.0625."""

_BLOCK = 1 << 21
"""Signs drawn at a time, so that many groups and samples fit in memory."""


@dataclass(frozen=True, slots=True)
class Tally:
    """On how many questions a contestant did better than, as well as and worse than an opponent."""

    wins: int
    ties: int
    losses: int


def tally(differences: Mapping[str, float], tolerance: float = 1e-9) -> Tally:
    """Count wins, ties and losses.

    Args:
        differences: Question to the contestant's value minus the opponent's.
        tolerance: The largest difference, either way, that is a tie.

    Raises:
        ConfigError: The tolerance is negative.

    Example:
        >>> tally({"a": 0.5, "b": 0.0, "c": -0.1, "d": 0.2})
        Tally(wins=2, ties=1, losses=1)
    """
    if not tolerance >= 0:
        raise ConfigError(f"tolerance must not be negative, got {tolerance}.")
    wins = sum(each > tolerance for each in differences.values())
    losses = sum(each < -tolerance for each in differences.values())
    return Tally(wins, len(differences) - wins - losses, losses)


def sign_flip_test(
    differences: Mapping[str, float], groups: Mapping[str, str], samples: int = 10_000, seed: int = 0
) -> float:
    """How often chance would bring a mean difference at least as far from zero, if neither contestant were better.

    Without a true difference a group's differences might as well have the other sign. So the signs of whole groups are
    flipped, and the mean over questions is compared with the means under all such flips (Fisher 1935, "The Design of
    Experiments", section 21; for retrieval, Smucker, Allan and Carterette 2007). All flips are counted where there are
    no more of them than ``samples``; else so many are drawn, and the data's own signs counted among them (Phipson and
    Smyth 2010).

    Args:
        differences: Question to the contestant's value minus the opponent's.
        groups: Question to its source document.
        samples: Flips to draw.
        seed: Same differences and seed, same p value.

    Returns:
        The two-sided p value, above 0 and at most 1.

    Raises:
        ConfigError: There is no question, or no sample.
        DataError: A question has no group, or its difference is no finite number.

    Example:
        >>> questions = "abcdef"
        >>> sign_flip_test(dict.fromkeys(questions, 0.1), {question: question for question in questions})
        0.03125
    """
    if samples < 1:
        raise ConfigError(f"samples must be a positive number of sign flips, got {samples}.")
    sums = group_totals(differences, groups).sums
    exact = len(sums) < samples.bit_length()
    # Flips that only round differently are as far from zero as the data.
    reached = abs(sums.sum()) - 1e-12 * np.abs(sums).sum()
    signs = _all_flips(len(sums)) if exact else _drawn_flips(len(sums), samples, np.random.default_rng(seed))
    extreme = sum(int((np.abs(sums.sum() - 2 * (block @ sums)) >= reached).sum()) for block in signs)
    return extreme / 2 ** len(sums) if exact else (extreme + 1) / (samples + 1)


def _all_flips(groups: int) -> Iterator[NDArray[np.float64]]:
    """Every choice of groups to flip, 1 where a group is flipped."""
    yield ((np.arange(2**groups)[:, None] >> np.arange(groups)) & 1).astype(float)


def _drawn_flips(groups: int, samples: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    rows = max(1, _BLOCK // groups)
    for start in range(0, samples, rows):
        count = min(rows, samples - start) * groups
        bits = np.unpackbits(np.frombuffer(rng.bytes(ceil(count / 8)), dtype=np.uint8), count=count)
        yield bits.reshape(-1, groups).astype(float)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Correct p values for their number (Holm 1979, "A simple sequentially rejective multiple test procedure").

    Those that stay at or under a level are all true with at least one minus that chance, however they hang together.

    Args:
        p_values: Name of a comparison to its p value.

    Returns:
        The same names, in the same order, with their corrected p values.

    Raises:
        ConfigError: A p value is not from 0 to 1.

    Example:
        >>> holm({"base": 0.01, "retriever": 0.04, "other": 0.03})
        {'base': 0.03, 'retriever': 0.06, 'other': 0.06}
    """
    for name, p_value in p_values.items():
        if not 0 <= p_value <= 1:
            raise ConfigError(f"The p value of {name!r} must be from 0 to 1, got {p_value}.")
    corrected: dict[str, float] = {}
    reached = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda each: p_values[each])):
        reached = max(reached, min(1.0, (len(p_values) - place) * p_values[name]))
        corrected[name] = reached
    return {name: corrected[name] for name in p_values}
