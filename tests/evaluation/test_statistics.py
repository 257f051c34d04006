"""Intervals that respect source documents."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.evaluation import Estimate, cluster_bootstrap

ALTERNATING = {f"q{i}": float(i % 2) for i in range(40)}
ALONE = {query: query for query in ALTERNATING}
VALUES = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from("abcde")), min_size=1, max_size=20)


def _width(estimate: Estimate) -> float:
    return estimate.high - estimate.low


def test_the_value_is_the_mean_over_questions_not_over_groups() -> None:
    values = {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0}
    assert cluster_bootstrap(values, {"a": "x", "b": "y", "c": "y", "d": "y"}).value == 0.25


def test_under_five_documents_leave_everything_open() -> None:
    values = dict.fromkeys("abcd", 1.0)
    assert cluster_bootstrap(values, {query: query for query in values}) == Estimate(1.0, float("-inf"), float("inf"))


def test_few_documents_are_called_different_no_more_often_than_promised() -> None:
    """500 draws of ten documents without any difference: at most 6 % of the intervals leave zero out on one side."""
    rng = random.Random(0)
    above = 0
    for seed in range(500):
        values = {f"q{i}": rng.gauss(0, 1) for i in range(10)}
        above += cluster_bootstrap(values, {query: query for query in values}, samples=1000, seed=seed).above_zero
    assert above <= 30


def test_a_proportion_has_the_textbook_interval() -> None:
    # 200 questions, half of them right: 1.96 * sqrt(0.25 / 200) = 0.069 to either side.
    values = {f"q{i}": float(i % 2) for i in range(200)}
    estimate = cluster_bootstrap(values, {query: query for query in values})
    assert (estimate.low, estimate.high) == pytest.approx((0.431, 0.569), abs=0.012)


def test_the_interval_widens_when_alike_questions_share_documents() -> None:
    by_value = {query: f"document {int(value)}{int(query[1:]) % 4}" for query, value in ALTERNATING.items()}
    clustered, alone = cluster_bootstrap(ALTERNATING, by_value), cluster_bootstrap(ALTERNATING, ALONE)
    assert clustered.value == alone.value == 0.5
    assert _width(clustered) > 2 * _width(alone)


def test_the_interval_narrows_when_every_document_holds_the_same_mixture() -> None:
    mixed = {query: f"document {int(query[1:]) // 2}" for query in ALTERNATING}
    assert cluster_bootstrap(ALTERNATING, mixed) == Estimate(0.5, 0.5, 0.5)


def test_more_questions_give_a_narrower_interval() -> None:
    many = {f"q{i}": float(i % 2) for i in range(400)}
    few = cluster_bootstrap(ALTERNATING, ALONE)
    assert _width(cluster_bootstrap(many, {query: query for query in many})) < _width(few) / 2


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.5, 1.0])
def test_identical_values_give_zero_width(value: float) -> None:
    values = dict.fromkeys(ALTERNATING, value)
    groups = {query: query[-1] for query in values}
    assert cluster_bootstrap(values, groups) == Estimate(value, value, value)


def test_identical_values_that_are_no_binary_fraction_give_zero_width_but_for_rounding() -> None:
    values = dict.fromkeys(ALTERNATING, 0.6309297535714575)
    estimate = cluster_bootstrap(values, {query: query[-1] * (int(query[1:]) % 3) for query in values})
    assert (estimate.low, estimate.high) == pytest.approx((0.6309297535714575, 0.6309297535714575), abs=1e-12)


def test_the_same_values_and_seed_give_the_same_interval() -> None:
    first, again = (cluster_bootstrap(ALTERNATING, ALONE, samples=200, seed=7) for _ in range(2))
    assert first == again


def test_another_seed_draws_other_samples() -> None:
    values = {query: int(query[1:]) ** 0.5 for query in ALTERNATING}
    assert cluster_bootstrap(values, ALONE, samples=50, seed=1) != cluster_bootstrap(values, ALONE, samples=50, seed=2)


@given(VALUES)
def test_the_interval_stays_within_the_values(drawn: list[tuple[float, str]]) -> None:
    values = {f"q{i}": value for i, (value, _) in enumerate(drawn)}
    estimate = cluster_bootstrap(values, {f"q{i}": group for i, (_, group) in enumerate(drawn)}, samples=100)
    if len({group for _, group in drawn}) < 5:
        assert (estimate.low, estimate.high) == (float("-inf"), float("inf"))
    else:
        assert min(values.values()) <= estimate.low <= estimate.high <= max(values.values())


def test_groups_of_questions_not_asked_about_do_not_matter() -> None:
    assert cluster_bootstrap(ALTERNATING, ALONE | {"stranger": "x"}) == cluster_bootstrap(ALTERNATING, ALONE)


@pytest.mark.parametrize(
    ("estimate", "above", "below"),
    [
        (Estimate(0.2, 0.1, 0.3), True, False),
        (Estimate(-0.2, -0.3, -0.1), False, True),
        (Estimate(0.1, -0.1, 0.3), False, False),
        (Estimate(0.1, 0.0, 0.2), False, False),
        (Estimate(-0.1, -0.2, 0.0), False, False),
        (Estimate(0.0, 0.0, 0.0), False, False),
    ],
)
def test_an_interval_that_touches_zero_lies_on_neither_side(estimate: Estimate, above: bool, below: bool) -> None:
    assert (estimate.above_zero, estimate.below_zero) == (above, below)


def test_no_question_is_refused() -> None:
    with pytest.raises(ConfigError, match="no question"):
        cluster_bootstrap({}, {})


def test_no_sample_is_refused() -> None:
    with pytest.raises(ConfigError, match="samples"):
        cluster_bootstrap(ALTERNATING, ALONE, samples=0)


def test_a_question_without_a_document_or_a_finite_value_is_refused() -> None:
    with pytest.raises(DataError, match="query 'b': it has no group"):
        cluster_bootstrap({"a": 1.0, "b": 0.0}, {"a": "x"})
    with pytest.raises(DataError, match="query 'a': its value is nan"):
        cluster_bootstrap({"a": float("nan")}, {"a": "x"})
