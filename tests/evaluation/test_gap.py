"""The gap between a positive and its hardest negative."""

from __future__ import annotations

import json
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError, ScoreError
from llama_index_rerank_tuner.evaluation import BenchmarkResult
from llama_index_rerank_tuner.evaluation.gap import GapCase, gap_cases, gap_report
from llama_index_rerank_tuner.evaluation.replay import Ranking
from tests.evaluation.measured import ranked


def _result(before: dict[str, Ranking], after: dict[str, Ranking], **qrels: dict[str, int]) -> BenchmarkResult:
    return ranked({"base": before, "tuned": after}, **qrels)


def _pair(positive: float, *negatives: float) -> Ranking:
    """A question's ranking: passage ``p`` and negatives ``n0``, ``n1``, …"""
    return sorted(
        [("p", positive), *((f"n{i}", score) for i, score in enumerate(negatives))], key=lambda each: -each[1]
    )


def test_a_case_holds_the_positives_and_the_hardest_negatives_score_before_and_after() -> None:
    result = _result(
        {"q": [("n1", 0.9), ("p", 0.4), ("n2", 0.1)]},
        {"q": [("p", 7.5), ("n2", -1.0), ("n1", -3.0)]},
    )
    assert gap_cases(result, "base", "tuned") == [GapCase("q", "question q", (0.4, 0.9), (7.5, -1.0))]


def test_of_several_positives_the_best_counts() -> None:
    ranking: Ranking = [("p1", 1.0), ("p2", 3.0), ("n", 2.0)]
    result = _result({"q": ranking}, {"q": ranking}, q={"p1": 1, "p2": 2})
    assert gap_cases(result, "base", "tuned")[0].before == (3.0, 2.0)


def test_a_passage_judged_not_relevant_is_a_negative_like_one_nobody_judged() -> None:
    ranking: Ranking = [("p", 1.0), ("judged", 5.0), ("unjudged", 4.0)]
    result = _result({"q": ranking}, {"q": ranking}, q={"p": 1, "judged": 0})
    assert gap_cases(result, "base", "tuned")[0].before == (1.0, 5.0)


def test_scores_and_not_the_order_decide_which_negative_is_hardest() -> None:
    ranking: Ranking = [("n1", 1.0), ("p", 2.0), ("n2", 3.0)]
    assert gap_cases(_result({"q": ranking}, {"q": ranking}), "base", "tuned")[0].after == (2.0, 3.0)


@pytest.mark.parametrize(
    "ranking",
    [[], [("p", 1.0)], [("n", 1.0)], [("n1", 1.0), ("n2", 0.5)]],
    ids=["nothing", "only the positive", "only a negative", "positive missed"],
)
def test_a_question_without_both_kinds_under_either_reranker_is_no_case(ranking: Ranking) -> None:
    whole: Ranking = [("p", 1.0), ("n", 0.5)]
    assert gap_cases(_result({"q": ranking}, {"q": whole}), "base", "tuned") == []
    assert gap_cases(_result({"q": whole}, {"q": ranking}), "base", "tuned") == []


def test_cases_stand_in_the_order_of_the_questions() -> None:
    whole: Ranking = [("p", 1.0), ("n", 0.5)]
    rankings = {"b": whole, "skipped": [("p", 1.0)], "a": whole, "税": whole}
    assert [case.query_id for case in gap_cases(_result(rankings, rankings), "base", "tuned")] == ["b", "a", "税"]


def test_a_reranker_may_be_compared_with_itself() -> None:
    whole: Ranking = [("p", 1.0), ("n", 0.5)]
    (case,) = gap_cases(_result({"q": whole}, {"q": []}), "base", "base")
    assert case.before == case.after == (1.0, 0.5)


@pytest.mark.parametrize(("before", "after"), [("tunde", "tuned"), ("base", "tunde")])
def test_an_unknown_reranker_is_refused_with_the_known_ones(before: str, after: str) -> None:
    whole: Ranking = [("p", 1.0), ("n", 0.5)]
    with pytest.raises(ConfigError, match="no contestant 'tunde'; there are base, tuned"):
        gap_cases(_result({"q": whole}, {"q": whole}), before, after)


# Gaps of the base: -2, -1, 0, 1, 2 with a standard deviation of the root of 2.5: a gap under 0.395 is risky.
# Gaps of the tuned: 0.1, -3, 1, -1, 4 with one of the root of 6.692: under 0.647 is risky.
BEFORE = {
    "won": _pair(0.0, 2.0, 1.0, -1.0),
    "lost more": _pair(0.0, 1.0, -1.0, -2.0),
    "tie broken": _pair(1.0, 1.0, 0.0, 0.0),
    "lost": _pair(1.0, 0.0, -1.0, -1.0),
    "kept": _pair(2.0, 0.0, 0.0, 0.0),
}
AFTER = {
    "won": _pair(0.0, -0.1, -1.0, -1.0),
    "lost more": _pair(0.0, 3.0, 1.0, -2.0),
    "tie broken": _pair(3.0, 2.0, 2.0, 2.0),
    "lost": _pair(0.0, 1.0, -1.0, 0.5),
    "kept": _pair(6.0, 2.0, 1.0, 0.0),
}


def test_the_report_gives_every_status_and_change_with_the_regressions_first() -> None:
    report = gap_report(_result(BEFORE, AFTER), "base", "tuned")
    assert [(case.query_id, case.status_before, case.status_after, case.change) for case in report.cases] == [
        ("lost more", "wrong order", "wrong order", "worse"),
        ("lost", "fine", "wrong order", "worse"),
        ("kept", "fine", "fine", "level"),
        ("won", "wrong order", "risky", "improved"),
        ("tie broken", "risky", "fine", "improved"),
    ]
    assert [case.gap_before for case in report.cases] == [-1.0, 1.0, 2.0, -2.0, 0.0]
    assert [case.gap_after for case in report.cases] == [-3.0, -1.0, 4.0, 0.1, 1.0]
    assert (report.before, report.after) == ("base", "tuned")


def test_the_totals_count_distractors_and_changes() -> None:
    totals = gap_report(_result(BEFORE, AFTER), "base", "tuned").totals
    # Above before: won n0 n1, lost more n0. After: lost more n0 n1, lost n0 n2.
    assert (totals.above_before, totals.above_after, totals.pushed_down, totals.pulled_up) == (3, 4, 2, 3)
    assert (totals.cases, totals.improved, totals.level, totals.worse) == (5, 2, 1, 2)


def test_the_totals_give_the_mean_auc_of_the_questions() -> None:
    totals = gap_report(_result(BEFORE, AFTER), "base", "tuned").totals
    assert totals.auc_before == pytest.approx((1 / 3 + 2 / 3 + 2.5 / 3 + 1 + 1) / 5)
    assert totals.auc_after == pytest.approx((1 + 1 / 3 + 1 + 1 / 3 + 1) / 5)


def test_the_standardised_gap_is_the_mean_over_the_standard_deviation() -> None:
    totals = gap_report(_result(BEFORE, AFTER), "base", "tuned").totals
    assert totals.standardised_before == 0.0
    assert totals.standardised_after == pytest.approx(0.22 / (26.768 / 4) ** 0.5)


@pytest.mark.parametrize(
    ("gaps", "statuses"),
    [
        ([4.0, 0.49, 0.6], ["fine", "risky", "fine"]),  # a quarter of the standard deviation is 0.4989
        ([0.001], ["fine"]),
        ([0.0], ["risky"]),
        ([0.5, 0.5], ["fine", "fine"]),
    ],
)
def test_a_gap_is_risky_under_a_quarter_of_the_standard_deviation(gaps: list[float], statuses: list[str]) -> None:
    rankings = {f"q{i}": _pair(gap, 0.0) for i, gap in enumerate(gaps)}
    assert [case.status_after for case in gap_cases(_result(rankings, rankings), "base", "tuned")] == statuses


def test_of_equal_scores_the_order_decides() -> None:
    first, second = {"q": [("p", 1.0), ("n", 1.0)]}, {"q": [("n", 1.0), ("p", 1.0)]}
    (case,) = gap_cases(_result(first, second), "base", "tuned")
    assert (case.status_before, case.status_after, case.change, case.above) == ("risky", "wrong order", "worse", (0, 1))


def test_of_equal_positives_the_first_one_counts() -> None:
    ranking: Ranking = [("p1", 1.0), ("n", 1.0), ("p2", 1.0)]
    result = _result({"q": ranking}, {"q": ranking}, q={"p1": 1, "p2": 1})
    assert gap_cases(result, "base", "tuned")[0].above == (0, 0)


def test_under_both_in_the_wrong_order_fewer_negatives_above_is_an_improvement() -> None:
    higher, lower = {"q": _pair(0.0, 2.0, 1.0)}, {"q": _pair(0.0, 9.0, -1.0)}
    assert gap_cases(_result(higher, lower), "base", "tuned")[0].change == "improved"
    assert gap_cases(_result(lower, higher), "base", "tuned")[0].change == "worse"


def test_a_distractor_that_was_cut_off_is_pushed_down() -> None:
    result = _result({"q": _pair(0.0, 2.0, -1.0)}, {"q": [("p", 0.5), ("n1", 0.0)]})
    assert gap_report(result, "base", "tuned").totals.pushed_down == 1


def test_among_cases_of_one_change_the_smallest_gap_of_the_second_reranker_stands_first() -> None:
    before = {"a": _pair(9.0, 0.0), "b": _pair(8.0, 0.0), "c": _pair(7.0, 0.0)}
    after = {"a": _pair(8.0, 0.0), "b": _pair(7.0, 0.0), "c": _pair(9.0, 0.0)}
    assert [case.query_id for case in gap_report(_result(before, after), "base", "tuned").cases] == ["b", "a", "c"]


@pytest.mark.parametrize("gaps", [[2.0], [2.0, 2.0], [0.3 - 0.1, 0.4 - 0.2]], ids=["one", "equal", "up to rounding"])
def test_a_single_gap_or_equal_gaps_have_no_standardised_gap(gaps: list[float]) -> None:
    rankings = {f"q{i}": _pair(gap, 0.0) for i, gap in enumerate(gaps)}
    assert gap_report(_result(rankings, rankings), "base", "tuned").totals.standardised_after is None


def test_without_a_case_the_totals_are_empty() -> None:
    totals = gap_report(_result({"q": []}, {"q": []}), "base", "tuned").totals
    assert (totals.cases, totals.pushed_down, totals.level) == (0, 0, 0)
    assert totals.auc_before is totals.auc_after is totals.standardised_before is totals.standardised_after is None


def test_the_report_as_json_values_holds_what_follows_from_the_scores() -> None:
    report = gap_report(_result({"q": _pair(0.0, 2.0)}, {"q": _pair(3.0, 2.0)}), "base", "tuned")
    assert json.loads(json.dumps(report.to_dict()))["cases"] == [
        {
            "query_id": "q",
            "query": "question q",
            "before": [0.0, 2.0],
            "after": [3.0, 2.0],
            "gap_before": -2.0,
            "gap_after": 1.0,
            "status_before": "wrong order",
            "status_after": "fine",
            "above_before": 1,
            "above_after": 0,
            "change": "improved",
        }
    ]
    assert report.to_dict()["totals"]["pushed_down"] == 1


@pytest.mark.parametrize("score", [nan, inf, -inf])
def test_a_score_that_is_not_finite_is_refused_with_its_contestant(score: float) -> None:
    result = _result({"q": _pair(0.0, 2.0)}, {"q": [("p", score), ("n0", 1.0)]})
    with pytest.raises(ScoreError, match="tuned scored passage 'p' of query 'q'"):
        gap_report(result, "base", "tuned")


_SCORES = st.lists(st.integers(-20, 20).map(float), min_size=2, max_size=5).map(lambda each: _pair(*each))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(_SCORES, _SCORES), min_size=2, max_size=6), st.sampled_from([0.125, 1024.0]))
def test_no_change_of_scale_changes_the_report(pairs: list[tuple[Ranking, Ranking]], scale: float) -> None:
    before = {f"q{i}": first for i, (first, _) in enumerate(pairs)}
    after = {f"q{i}": second for i, (_, second) in enumerate(pairs)}
    stretched = {query: [(key, scale * score + 64) for key, score in ranking] for query, ranking in after.items()}
    one, other = (gap_report(_result(before, each), "base", "tuned") for each in (after, stretched))
    assert [(c.query_id, c.status_after, c.change) for c in one.cases] == [
        (c.query_id, c.status_after, c.change) for c in other.cases
    ]
    assert one.totals.standardised_after == pytest.approx(other.totals.standardised_after)
    assert (one.totals.pushed_down, one.totals.auc_after) == (other.totals.pushed_down, other.totals.auc_after)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(_SCORES, _SCORES), min_size=1, max_size=6))
def test_what_was_pushed_down_and_pulled_up_accounts_for_the_distractors(pairs: list[tuple[Ranking, Ranking]]) -> None:
    before = {f"q{i}": first for i, (first, _) in enumerate(pairs)}
    after = {f"q{i}": second for i, (_, second) in enumerate(pairs)}
    totals = gap_report(_result(before, after), "base", "tuned").totals
    assert totals.improved + totals.level + totals.worse == totals.cases == len(pairs)
    assert totals.above_after == totals.above_before - totals.pushed_down + totals.pulled_up
