"""The smallest difference that a test set could have shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.evaluation.power import multiple, smallest_detectable, standard_error
from llama_index_rerank_tuner.evaluation.statistics import GroupTotals, group_totals

SIXTEEN = {f"q{place}": 0.1 if place % 2 else -0.1 for place in range(16)}
ALONE = {query: query for query in SIXTEEN}


def test_many_documents_give_the_textbook_figure() -> None:
    # 2,000 documents at ±0.1: standard error 0.1 / sqrt(2000), normal quantiles 2.054 and 0.842.
    many = {f"q{place}": 0.1 if place % 2 else -0.1 for place in range(2000)}
    found = smallest_detectable(many, {query: query for query in many})
    assert found == pytest.approx((2.054 + 0.842) * 0.1 / 2000**0.5, rel=0.002)


def test_sixteen_documents_give_somewhat_more() -> None:
    # Standard error 0.1 / sqrt(15). With c = 2.2485 (t, 15 degrees of freedom), z = 0.8416 and m = 3.2893:
    # m - c = 1.0408 = z * sqrt(1 + (c^2 + m^2) / 30) = 0.8416 * sqrt(1.52918).
    assert smallest_detectable(SIXTEEN, ALONE) == pytest.approx(3.28929 * 0.1 / 15**0.5, abs=2e-6)


@pytest.mark.parametrize("power", [0.5, 0.7, 0.8, 0.9, 0.99])
@pytest.mark.parametrize("freedom", [4.0, 15.0, 300.0])
def test_the_multiple_solves_its_equation(freedom: float, power: float) -> None:
    found, critical, quantile = multiple(freedom, power), t.ppf(0.98, freedom), norm.ppf(power)
    assert found - critical == pytest.approx(quantile * (1 + (critical**2 + found**2) / (2 * freedom)) ** 0.5)


def test_more_power_asks_for_a_larger_difference() -> None:
    figures = [smallest_detectable(SIXTEEN, ALONE, power) for power in (0.5, 0.7, 0.8, 0.9, 0.95)]
    assert figures == sorted(figures, key=float)  # type: ignore[arg-type]
    # An even chance: the critical value of t with 15 degrees of freedom alone.
    assert figures[0] == pytest.approx(2.24854 * 0.1 / 15**0.5, abs=2e-6)


def test_the_standard_error_is_that_of_the_mean_and_grows_with_a_large_document() -> None:
    # Every question alone: the sample's standard deviation over the root of their number.
    alone = GroupTotals(np.array([1.0, -1.0, 2.0, -1.0]) + 0.75, np.ones(4, dtype=np.int64))
    assert standard_error(alone) == pytest.approx(np.std([1, -1, 2, -1], ddof=1) / 2)
    # Leaving out each of three groups leaves the means 0, 1/2 and 2/5 = 0.4, around the mean 1/3.
    uneven = GroupTotals(np.array([2.0, 0.0, 0.0]), np.array([3, 2, 1]))
    left_out = [(0 - 1 / 3) ** 2, (2 / 4 - 1 / 3) ** 2, (2 / 5 - 1 / 3) ** 2]
    assert standard_error(uneven) == pytest.approx((2 / 3 * sum(left_out)) ** 0.5)


def test_a_few_loud_documents_leave_more_doubt() -> None:
    spread = [1.0, -1.0] * 15
    even = {f"q{place}": value for place, value in enumerate(spread)}
    loud = {f"q{place}": value * (8.0 if place < 2 else 1.0) for place, value in enumerate(spread)}
    alone = {query: query for query in even}
    errors = [standard_error(group_totals(each, alone)) for each in (even, loud)]
    figures = [smallest_detectable(each, alone) for each in (even, loud)]
    assert figures[1] / errors[1] > 1.2 * figures[0] / errors[0]  # type: ignore[operator]


def test_questions_that_move_together_count_once() -> None:
    # The same sixteen figures, each asked four times in its document: nothing is known better.
    copies = {f"{query}-{copy}": value for query, value in SIXTEEN.items() for copy in range(4)}
    together = {query: query.split("-")[0] for query in copies}
    assert smallest_detectable(copies, together) == pytest.approx(smallest_detectable(SIXTEEN, ALONE))
    apart = smallest_detectable(copies, {query: query for query in copies})
    assert apart is not None
    assert apart < 0.6 * smallest_detectable(copies, together)  # type: ignore[operator]


def test_four_times_the_documents_show_half_the_difference() -> None:
    draws = np.random.default_rng(0).normal(0, 0.2, 400)
    few = {f"q{place}": value for place, value in enumerate(draws[:100])}
    many = {f"q{place}": value for place, value in enumerate(draws)}
    ratio = smallest_detectable(few, {q: q for q in few}) / smallest_detectable(many, {q: q for q in many})  # type: ignore[operator]
    assert ratio == pytest.approx(2, rel=0.1)


@given(st.lists(st.floats(-0.5, 0.5), min_size=6, max_size=12), st.floats(0.01, 0.4))
def test_the_true_difference_itself_does_not_matter(values: list[float], moved: float) -> None:
    before = {f"q{place}": value + 1.0 for place, value in enumerate(values)}
    after = {query: value + moved for query, value in before.items()}
    alone = {query: query for query in before}
    assert smallest_detectable(after, alone) == pytest.approx(smallest_detectable(before, alone), abs=1e-9)


def test_under_six_documents_or_six_that_differ_nothing_is_known() -> None:
    five = {f"q{place}": place / 10 for place in range(1, 6)}
    assert smallest_detectable(five, {query: query for query in five}) is None
    nearly_alike = dict.fromkeys(SIXTEEN, 0.0) | {f"q{place}": 0.1 for place in range(5)}
    assert smallest_detectable(nearly_alike, ALONE) is None
    assert smallest_detectable(nearly_alike | {"q9": 0.1}, ALONE) is not None
    assert smallest_detectable(dict.fromkeys(SIXTEEN, 0.0), ALONE) is None


def test_one_loud_document_counts_as_four_degrees_of_freedom() -> None:
    loud = dict.fromkeys(SIXTEEN, 1e-6) | {"q0": 1.0}
    found = smallest_detectable(loud, ALONE)
    assert found == pytest.approx(multiple(4.0, 0.8) * standard_error(group_totals(loud, ALONE)))


@pytest.mark.filterwarnings("error")
def test_the_same_difference_everywhere_is_no_noise() -> None:
    assert smallest_detectable(dict.fromkeys(SIXTEEN, 0.25), ALONE) == 0.0


@pytest.mark.parametrize("power", [0.4, 1.0, float("nan")])
def test_a_power_that_cannot_be_had_is_refused(power: float) -> None:
    with pytest.raises(ConfigError, match=r"power must be a share from 0\.5 to 0\.99"):
        smallest_detectable(SIXTEEN, ALONE, power)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ConfigError, match="no question"):
        smallest_detectable({}, {})
    with pytest.raises(DataError, match="has no group"):
        smallest_detectable(SIXTEEN, {})
