"""Sign flips over source documents, Holm's correction, wins and losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, permutation_test

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.evaluation.significance import ALPHA, FEWEST_GROUPS, Tally, holm, sign_flip_test, tally

DIFFERENCES = st.lists(st.floats(-1, 1).map(lambda each: round(each, 3)), min_size=2, max_size=8)


def _alone(values: list[float]) -> tuple[dict[str, float], dict[str, str]]:
    """Every question in a document of its own."""
    differences = {f"q{place}": value for place, value in enumerate(values)}
    return differences, {query: query for query in differences}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # Of the 8 signs of 1, 2, 3 only +++ and --- reach 6.
        ([1, 2, 3], 2 / 8),
        # 3+1-1 = 3 is reached by all of ±3±1±1 but those that make ±1.
        ([3, 1, -1], 6 / 8),
        ([1, 2, -3], 1.0),
        ([0.5], 1.0),
        ([0, 0, 0], 1.0),
        # Zeros change nothing: the same as 1, 2, 3 alone.
        ([1, 0, 2, 0, 3], 2 / 8),
        ([0.1] * 5, 2 / 32),
        ([-0.1] * 6, 2 / 64),
    ],
)
def test_few_documents_are_counted_exactly(values: list[float], expected: float) -> None:
    assert sign_flip_test(*_alone(values)) == expected


def test_the_questions_of_a_document_are_flipped_together() -> None:
    differences = {"a": 1.0, "b": 1.0, "c": 1.0}
    assert sign_flip_test(differences, {"a": "x", "b": "x", "c": "y"}) == 2 / 4
    assert sign_flip_test(differences, {"a": "x", "b": "y", "c": "z"}) == 2 / 8


def test_no_verdict_can_come_from_fewer_documents_than_the_fewest() -> None:
    assert FEWEST_GROUPS == 6
    assert sign_flip_test(*_alone([1.0] * FEWEST_GROUPS)) <= ALPHA < sign_flip_test(*_alone([1.0] * 5))


@given(DIFFERENCES)
def test_the_exact_p_value_is_scipys(values: list[float]) -> None:
    def distance(data: np.ndarray, axis: int) -> np.ndarray:
        return np.abs(np.sum(data, axis=axis)).round(9)

    theirs = permutation_test(
        (np.array(values),), distance, permutation_type="samples", n_resamples=math.inf, alternative="greater"
    )
    assert sign_flip_test(*_alone(values)) == pytest.approx(float(theirs.pvalue))


def test_drawn_flips_come_close_to_all_flips() -> None:
    values = np.random.default_rng(3).normal(0.3, 1, 14).tolist()
    differences, groups = _alone(values)
    every = sign_flip_test(differences, groups, samples=2**14)
    assert 0.05 < every < 0.95
    drawn = sign_flip_test(differences, groups, samples=2**14 - 1)
    assert drawn != every
    assert drawn == pytest.approx(every, abs=0.015)


def test_many_equal_differences_have_the_p_value_of_a_sign_test() -> None:
    expected = binomtest(65, 100).pvalue
    found = sign_flip_test(*_alone([0.25] * 65 + [-0.25] * 35), samples=50_000)
    assert found == pytest.approx(expected, abs=0.001)


def test_a_drawn_p_value_is_never_zero() -> None:
    assert sign_flip_test(*_alone([0.5] * 200), samples=999) == 1 / 1000


def test_more_flips_than_fit_in_one_block_are_all_drawn() -> None:
    assert sign_flip_test(*_alone([0.5] * 5000), samples=999) == 1 / 1000


@given(DIFFERENCES, st.integers(0, 5))
def test_neither_side_nor_unit_changes_the_p_value(values: list[float], seed: int) -> None:
    there = sign_flip_test(*_alone(values), seed=seed)
    assert sign_flip_test(*_alone([-each for each in values]), seed=seed) == there
    assert sign_flip_test(*_alone([4 * each for each in values]), seed=seed) == there


def test_the_same_seed_gives_the_same_p_value_and_another_one_another() -> None:
    differences, groups = _alone(np.random.default_rng(1).normal(0.1, 1, 40).tolist())
    first, again = (sign_flip_test(differences, groups, samples=500, seed=7) for _ in range(2))
    assert first == again
    assert len({sign_flip_test(differences, groups, samples=500, seed=seed) for seed in range(5)}) > 1


def test_what_cannot_be_tested_is_refused() -> None:
    with pytest.raises(ConfigError, match="no question"):
        sign_flip_test({}, {})
    with pytest.raises(ConfigError, match="samples must be a positive number of sign flips, got 0"):
        sign_flip_test({"a": 1.0}, {"a": "x"}, samples=0)
    with pytest.raises(DataError, match="query 'a': it has no group"):
        sign_flip_test({"a": 1.0}, {})
    with pytest.raises(DataError, match="query 'a': its value is nan"):
        sign_flip_test({"a": float("nan")}, {"a": "x"})


@pytest.mark.parametrize(
    ("given_p", "expected"),
    [
        ([], []),
        ([0.04], [0.04]),
        # 3 * 0.01, 2 * 0.02, 1 * 0.03 raised to what came before
        ([0.01, 0.02, 0.03], [0.03, 0.04, 0.04]),
        ([0.03, 0.01, 0.02], [0.04, 0.03, 0.04]),
        ([0.01, 0.5, 0.04, 0.2], [0.04, 0.5, 0.12, 0.4]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([0.02, 0.02], [0.04, 0.04]),
        ([0.0, 1.0], [0.0, 1.0]),
    ],
)
def test_holm_multiplies_the_smallest_most_and_never_turns_the_order(
    given_p: list[float], expected: list[float]
) -> None:
    names = [f"opponent {place}" for place in range(len(given_p))]
    corrected = holm(dict(zip(names, given_p, strict=True)))
    assert list(corrected) == names
    assert list(corrected.values()) == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_lies_between_no_correction_and_bonferronis(p_values: list[float]) -> None:
    corrected = holm({str(place): each for place, each in enumerate(p_values)})
    for place, each in enumerate(p_values):
        assert each <= corrected[str(place)] <= min(1.0, len(p_values) * max(p_values))
    assert min(corrected.values()) == min(1.0, len(p_values) * min(p_values))


@pytest.mark.parametrize("p_value", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_p_value(p_value: float) -> None:
    with pytest.raises(ConfigError, match="p value of 'base' must be from 0 to 1"):
        holm({"base": p_value})


def test_wins_ties_and_losses_are_counted_with_a_tolerance() -> None:
    differences = {"a": 0.3, "b": 1e-12, "c": -1e-12, "d": 0.0, "e": -0.2, "f": 0.05}
    assert tally(differences) == Tally(wins=2, ties=3, losses=1)
    assert tally(differences, tolerance=0.1) == Tally(wins=1, ties=4, losses=1)
    assert tally({"a": 0.5, "b": -0.5}, tolerance=0.5) == Tally(wins=0, ties=2, losses=0)
    assert tally({}) == Tally(0, 0, 0)


@pytest.mark.parametrize("tolerance", [-1e-9, float("nan")])
def test_a_negative_tolerance_is_refused(tolerance: float) -> None:
    with pytest.raises(ConfigError, match="tolerance"):
        tally({"a": 0.5}, tolerance)
