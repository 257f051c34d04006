"""How figures are written."""

from __future__ import annotations

import pytest

from llama_index_rerank_tuner.evaluation.report import figures


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, "n/a"), (0.0, "0.0"), (0.0042, "4.2"), (0.0125, "12"), (3.5, "3,500")]
)
def test_milliseconds_have_a_digit_under_ten(seconds: float | None, shown: str) -> None:
    assert figures.milliseconds(seconds) == shown


@pytest.mark.parametrize(("value", "shown"), [(None, "n/a"), (12.34, "+12.3 %"), (-0.04, "0.0 %"), (-50.0, "-50.0 %")])
def test_a_percentage_has_its_sign(value: float | None, shown: str) -> None:
    assert figures.percent(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(None, "n/a"), (0.00099, "< 0.001"), (0.001, "0.001"), (1.0, "1.000")])
def test_a_small_p_value_is_not_written_as_zero(value: float | None, shown: str) -> None:
    assert figures.probability(value) == shown


@pytest.mark.parametrize(
    ("low", "high", "tone"),
    [(0.01, 0.2, "better"), (-0.2, -0.01, "worse"), (-0.1, 0.1, ""), (0.0, 0.1, ""), (None, None, "")],
)
def test_a_whole_interval_above_or_below_zero_has_a_tone(low: float | None, high: float | None, tone: str) -> None:
    assert figures.tone({"value": 0.0, "low": low, "high": high}) == tone


def test_a_difference_without_an_interval_says_so() -> None:
    unbounded = {"value": 0.05, "low": None, "high": None}
    assert figures.change(unbounded) == "+0.050 [no interval]"
    assert figures.interval_words(unbounded) == "too few source documents for an interval"
