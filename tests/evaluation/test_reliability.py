"""Probabilities against what was relevant."""

from __future__ import annotations

from itertools import pairwise
from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.evaluation.reliability import ReliabilityBin, reliability_curve
from llama_index_rerank_tuner.reranking.calibrating import calibration_error


def test_bins_hold_equally_many_passages_whatever_their_order() -> None:
    curve = reliability_curve([0.75, 0.0, 1.0, 0.25], [True, False, True, True], bins=2)
    assert curve == [ReliabilityBin(0.125, 0.5, 2), ReliabilityBin(0.875, 1.0, 2)]


def test_a_grade_over_0_is_relevant() -> None:
    assert reliability_curve([0.5, 0.5, 0.5], [2, 0, 1], bins=1) == [ReliabilityBin(0.5, pytest.approx(2 / 3), 3)]


def test_equal_probabilities_stay_together() -> None:
    curve = reliability_curve([0.0, 0.5, 0.5, 0.5, 0.5, 1.0], [False, True, False, False, False, True], bins=3)
    assert curve == [ReliabilityBin(0.0, 0.0, 1), ReliabilityBin(0.5, 0.25, 4), ReliabilityBin(1.0, 1.0, 1)]


def test_fewer_passages_than_bins_stand_alone() -> None:
    assert [each.count for each in reliability_curve([0.1, 0.2, 0.3], [0, 0, 1], bins=10)] == [1, 1, 1]


@pytest.mark.parametrize("bins", [0, -2])
def test_no_bin_is_refused(bins: int) -> None:
    with pytest.raises(ConfigError, match=f"got {bins}"):
        reliability_curve([0.5], [True], bins)


@pytest.mark.parametrize(
    ("probabilities", "relevant", "message"),
    [
        ([], [], "there is no probability"),
        ([0.5], [True, False], "1 probabilities and 2 labels"),
        ([0.5, 1.5], [True, False], "1.5 is no probability"),
        ([-0.1], [True], "-0.1 is no probability"),
        ([nan], [True], "nan is no probability"),
    ],
)
def test_what_is_no_probability_is_refused(probabilities: list[float], relevant: list[bool], message: str) -> None:
    with pytest.raises(DataError, match=message):
        reliability_curve(probabilities, relevant)


_CHANCES = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@settings(deadline=None)
@given(_CHANCES, st.integers(1, 12))
def test_every_passage_stands_in_one_bin(passages: list[tuple[float, bool]], bins: int) -> None:
    curve = reliability_curve([chance for chance, _ in passages], [label for _, label in passages], bins)
    assert sum(each.count for each in curve) == len(passages)
    assert len(curve) <= bins
    assert sum(each.observed * each.count for each in curve) == pytest.approx(sum(label for _, label in passages))
    assert sum(each.predicted * each.count for each in curve) == pytest.approx(sum(chance for chance, _ in passages))
    assert all(one.predicted <= other.predicted for one, other in pairwise(curve))


@settings(deadline=None)
@given(st.sets(st.integers(0, 1000), min_size=1, max_size=60), st.integers(0, 10**6))
def test_the_gaps_of_the_curve_are_the_calibration_error(thousandths: set[int], seed: int) -> None:
    chances = np.array(sorted(thousandths)) / 1000
    labels = np.random.default_rng(seed).integers(0, 2, len(chances)).astype(float)
    curve = reliability_curve(chances.tolist(), labels.astype(int).tolist())
    error = sum(abs(each.predicted - each.observed) * each.count for each in curve) / len(chances)
    assert error == pytest.approx(calibration_error(chances, labels), abs=1e-9)
