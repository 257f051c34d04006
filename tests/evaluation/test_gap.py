"""The gap between a positive and its hardest negative."""

from __future__ import annotations

import pytest

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation import BenchmarkResult, GapCase, gap_cases
from llama_index_rerank_tuner.evaluation.replay import Ranking


def _result(before: dict[str, Ranking], after: dict[str, Ranking], **qrels: dict[str, int]) -> BenchmarkResult:
    rankings = {"base": before, "tuned": after}
    return BenchmarkResult(
        scores={name: {"nDCG@10": dict.fromkeys(before, 0.0)} for name in rankings},
        rankings=rankings,
        qrels={query: qrels.get(query, {"p": 1}) for query in before},
        queries={query: f"question {query}" for query in before},
        groups={query: query for query in before},
        without_candidates=0,
        ceiling={"nDCG@10": 1.0},
        reference="base",
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
