"""Histograms of scores, and the area under the ROC curve."""

from __future__ import annotations

import json
from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from llama_index_rerank_tuner.errors import ConfigError, DataError, ScoreError
from llama_index_rerank_tuner.evaluation.distributions import (
    Distribution,
    auc,
    score_distribution,
    scores_by_relevance,
)
from tests.evaluation.measured import ranked

TWO_QUESTIONS = {
    "a": [("p", 4.0), ("n1", 1.0), ("n2", 0.0)],
    "b": [("n3", 3.0), ("p", 2.0), ("n4", 0.5)],
}


def test_scores_are_counted_in_equally_wide_bins_the_last_of_which_holds_its_end() -> None:
    found = score_distribution(ranked({"tuned": TWO_QUESTIONS}), "tuned", bins=4)
    assert found == Distribution((0.0, 1.0, 2.0, 3.0, 4.0), positives=(0, 0, 1, 1), negatives=(2, 1, 0, 1))


def test_the_distribution_is_plain_json() -> None:
    found = score_distribution(ranked({"tuned": TWO_QUESTIONS}), "tuned", bins=2).to_dict()
    expected = {"edges": [0.0, 2.0, 4.0], "positives": [0, 2], "negatives": [3, 1]}
    assert found == json.loads(json.dumps(found)) == expected


def test_there_are_thirty_bins_where_nothing_else_is_said() -> None:
    assert len(score_distribution(ranked({"tuned": TWO_QUESTIONS}), "tuned").positives) == 30


def test_equal_scores_fall_into_one_bin() -> None:
    found = score_distribution(ranked({"flat": {"q": [("p", 2.0), ("n1", 2.0), ("n2", 2.0)]}}), "flat", bins=5)
    assert (sorted(found.positives), sorted(found.negatives)) == ([0, 0, 0, 0, 1], [0, 0, 0, 0, 2])


def test_a_passage_judged_not_relevant_is_a_negative_and_a_missed_positive_has_no_score() -> None:
    result = ranked({"tuned": {"q": [("judged", 5.0), ("p1", 1.0)]}}, q={"p1": 2, "p2": 1, "judged": 0})
    assert scores_by_relevance(result, "tuned") == ([1.0], [5.0])


def test_a_passage_that_stands_twice_counts_where_it_stands_first() -> None:
    result = ranked({"tuned": {"q": [("n", 5.0), ("p", 1.0), ("n", 0.0)]}})
    assert scores_by_relevance(result, "tuned") == ([1.0], [5.0])


@pytest.mark.parametrize("bins", [0, -1])
def test_no_bin_is_refused(bins: int) -> None:
    with pytest.raises(ConfigError, match=f"positive number of bins, got {bins}"):
        score_distribution(ranked({"tuned": TWO_QUESTIONS}), "tuned", bins)


def test_a_contestant_that_scored_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="tuned: it scored no passage"):
        score_distribution(ranked({"tuned": {"q": []}}), "tuned")


def test_an_unknown_contestant_is_refused() -> None:
    with pytest.raises(ConfigError, match="no contestant 'tunde'; there are tuned"):
        score_distribution(ranked({"tuned": TWO_QUESTIONS}), "tunde")


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ScoreError, match="tuned scored passage 'n' of query 'q' nan"):
        scores_by_relevance(ranked({"tuned": {"q": [("p", 1.0), ("n", nan)]}}), "tuned")


@pytest.mark.parametrize(
    ("positives", "negatives", "area"),
    [
        ([2.0], [1.0], 1.0),
        ([1.0], [2.0], 0.0),
        ([1.0], [1.0], 0.5),
        ([1.0, 3.0], [2.0, 0.0], 0.75),
        ([1.0, 1.0, 2.0], [1.0, 3.0], 2 / 6),
        ([], [1.0], None),
        ([1.0], [], None),
    ],
)
def test_the_area_is_the_share_of_pairs_in_order(
    positives: list[float], negatives: list[float], area: float | None
) -> None:
    assert auc(positives, negatives) == pytest.approx(area)


_SCORES = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=20)


@settings(deadline=None, max_examples=50)
@given(_SCORES, _SCORES)
def test_the_area_is_scipys_mann_whitney_statistic_by_pairs(positives: list[float], negatives: list[float]) -> None:
    statistic = mannwhitneyu(positives, negatives, method="asymptotic").statistic
    assert auc(positives, negatives) == pytest.approx(statistic / (len(positives) * len(negatives)))
