"""Ranking metrics against values computed by hand and against their formulas."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.metrics import DEFAULT_METRICS, parse_metric, score_rankings

ONE = {"a": 1}
TWO = {"a": 1, "b": 1}
GRADED = {"a": 3, "b": 1, "c": 2}
TWELVE = {f"p{i}": 1 for i in range(12)}
ALL_TWELVE = list(TWELVE)


@pytest.mark.parametrize(
    ("metric", "judged", "ranking", "expected"),
    [
        ("nDCG@10", ONE, ["a"], 1.0),
        ("nDCG@10", ONE, ["x", "a"], 0.6309297535714575),
        ("nDCG@10", ONE, ["x", "y", "a"], 0.5),
        ("nDCG@2", ONE, ["x", "y", "a"], 0.0),
        # (1 + 1/2) / (1 + 0.63093)
        ("nDCG@10", TWO, ["a", "x", "b"], 0.9197207891481877),
        ("nDCG@10", TWO, ["b", "a"], 1.0),
        ("nDCG@10", TWO, ["a"], 0.6131471927654585),
        # (1 + 3 * 0.63093) / (3 + 2 * 0.63093 + 1 * 0.5)
        ("nDCG@3", GRADED, ["b", "a", "x", "c"], 0.6074915180456525),
        # the same and 2 * 0.43068 at rank 4
        ("nDCG@4", GRADED, ["b", "a", "x", "c"], 0.7883773914853737),
        ("nDCG", GRADED, ["b", "a", "x", "c"], 0.7883773914853737),
        ("nDCG@3", GRADED, ["a", "c", "b"], 1.0),
        ("nDCG@1", GRADED, ["c", "a", "b"], 2 / 3),
        # more relevant passages than k: the ideal list has k places only
        ("nDCG@3", TWELVE, ALL_TWELVE[:3], 1.0),
        ("nDCG@10", TWELVE, ALL_TWELVE[:3], 0.4690000933206748),
        ("Recall@10", TWELVE, ALL_TWELVE, 10 / 12),
        ("Recall@3", TWELVE, ALL_TWELVE, 0.25),
        ("Recall@2", GRADED, ["a", "x", "b"], 1 / 3),
        ("Recall@3", GRADED, ["a", "x", "b"], 2 / 3),
        ("Recall@5", TWO, ["x", "y"], 0.0),
        ("MRR", ONE, ["x", "y", "z", "a"], 0.25),
        ("MRR@4", ONE, ["x", "y", "z", "a"], 0.25),
        ("MRR@3", ONE, ["x", "y", "z", "a"], 0.0),
        ("MRR", TWO, ["x", "b", "a"], 0.5),
        ("MRR", GRADED, ["x", "b", "a"], 0.5),
        ("MRR", {"a": 1, "judged bad": 0}, ["judged bad", "a"], 0.5),
        ("Hit@1", ONE, ["a", "x"], 1.0),
        ("Hit@1", ONE, ["x", "a"], 0.0),
        ("Hit@3", ONE, ["x", "y", "a"], 1.0),
        ("Hit@3", TWO, ["a", "b", "x"], 1.0),
        ("Hit@5", {"judged bad": 0}, ["judged bad"], 0.0),
        # (1 + 2 * 0.63093) / (3 + 2 * 0.63093)
        ("nDCG@2", GRADED, ["b", "c"], 0.5307212739772434),
        # equal grades: either order is ideal
        ("nDCG", {"a": 2, "b": 2}, ["b", "a"], 1.0),
        ("nDCG@1", {"a": 2, "b": 2}, ["b", "a"], 1.0),
        ("nDCG", {"a": 1, "judged bad": 0}, ["judged bad", "a"], 0.6309297535714575),
        ("P@1", ONE, ["x", "a"], 0.0),
        ("P@3", GRADED, ["a", "x", "b"], 2 / 3),
        ("P@3", TWELVE, ALL_TWELVE, 1.0),
        ("P@2", {"a": 1, "judged bad": 0}, ["judged bad", "a"], 0.5),
        # places that nothing fills count as wrong
        ("P@5", ONE, ["a"], 0.2),
        # (1/1 + 2/3) / 2
        ("MAP", TWO, ["a", "x", "b"], 5 / 6),
        # one of two was never found
        ("MAP", TWO, ["x", "a"], 0.25),
        ("MAP", ONE, ["x", "y", "a"], 1 / 3),
        # (1/1 + 2/3 + 3/4) / 3, whatever the grades
        ("MAP", GRADED, ["b", "x", "a", "c"], 29 / 36),
        ("MAP@2", GRADED, ["b", "x", "a", "c"], 1 / 3),
        ("MAP@3", GRADED, ["b", "x", "a", "c"], 5 / 9),
        ("MAP@3", TWELVE, ALL_TWELVE[:3], 0.25),
        ("MAP", TWELVE, ["x", "p0"], 1 / 24),
        ("Judged@3", {"a": 1, "judged bad": 0}, ["judged bad", "x", "a"], 2 / 3),
        ("Judged@2", {"a": 1, "judged bad": 0}, ["x", "y", "a"], 0.0),
        ("Judged@1", {"judged bad": 0}, ["judged bad"], 1.0),
        # of what was returned, where that is less than k
        ("Judged@10", ONE, ["x", "a"], 0.5),
        # duplicates count where they stand first, and once
        ("nDCG@10", ONE, ["x", "x", "a"], 0.6309297535714575),
        ("MRR", ONE, ["x", "x", "x", "a"], 0.5),
        ("MRR", ONE, ["a", "x", "a"], 1.0),
        ("nDCG@10", TWO, ["a", "a", "b", "a"], 1.0),
        ("Recall@2", TWO, ["a", "a", "b"], 1.0),
        ("P@2", TWO, ["a", "a", "b"], 1.0),
        ("P@3", ONE, ["a", "a", "a"], 1 / 3),
        ("MAP", ONE, ["a", "a"], 1.0),
        ("Judged@2", ONE, ["a", "a", "x"], 0.5),
        ("MRR@10", {"税": 1}, ["费", "税"], 0.5),
    ],
)
def test_a_ranking_scores_what_the_hand_computes(
    metric: str, judged: dict[str, int], ranking: list[str], expected: float
) -> None:
    assert score_rankings({"q": judged}, {"q": ranking}, [metric])[metric]["q"] == pytest.approx(expected)


@pytest.mark.parametrize(("ranking", "expected"), [(["a", "b"], 1.0), (["b", "a"], 0.5)])
def test_the_given_order_decides_never_the_spelling_of_the_ids(ranking: list[str], expected: float) -> None:
    assert score_rankings({"q": {"a": 1}}, {"q": ranking}, ["MRR"]) == {"MRR": {"q": expected}}


def test_a_passage_deep_in_a_long_ranking_keeps_its_exact_rank() -> None:
    ranking = [f"n{i}" for i in range(2999)] + ["a"]
    assert score_rankings({"q": ONE}, {"q": ranking}, ["MRR"])["MRR"]["q"] == pytest.approx(1 / 3000)


def test_a_question_without_a_ranking_or_with_an_empty_one_scores_0_and_is_counted() -> None:
    scores = score_rankings({"found": ONE, "missing": ONE, "empty": ONE}, {"found": ["a"], "empty": []}, ["nDCG@10"])
    assert scores == {"nDCG@10": {"found": 1.0, "missing": 0.0, "empty": 0.0}}


def test_every_question_scores_0_where_nothing_was_found_at_all() -> None:
    scores = score_rankings({"q": ONE, "r": TWO}, {}, DEFAULT_METRICS)
    assert scores == {metric: {"q": 0.0, "r": 0.0} for metric in DEFAULT_METRICS}


@pytest.mark.parametrize("judged", [{}, {"a": 0}])
def test_a_question_without_a_relevant_passage_scores_0(judged: dict[str, int]) -> None:
    scores = score_rankings({"q": judged}, {"q": ["a", "b"]}, DEFAULT_METRICS)
    assert all(by_query == {"q": 0.0} for by_query in scores.values())


def test_a_ranking_of_an_unjudged_question_is_left_out() -> None:
    assert score_rankings({"q": ONE}, {"q": ["a"], "stranger": ["a"]}, ["MRR"]) == {"MRR": {"q": 1.0}}


def test_no_question_gives_no_score() -> None:
    assert score_rankings({}, {}, ["MRR", "nDCG@10"]) == {"MRR": {}, "nDCG@10": {}}


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 4), min_size=1).filter(lambda d: any(d.values())),
    st.lists(st.sampled_from("abcdefghxyz"), unique=True, min_size=1),
    st.integers(1, 12),
)
def test_any_ranking_scores_what_the_formulas_say(judged: dict[str, int], ranking: list[str], k: int) -> None:
    gains = [judged.get(passage, 0) for passage in ranking][:k]
    ideal = sorted(judged.values(), reverse=True)[:k]
    relevant = [rank for rank, gain in enumerate(gains, start=1) if gain > 0]
    expected = {
        f"nDCG@{k}": _discounted(gains) / _discounted(ideal),
        f"MRR@{k}": 1 / relevant[0] if relevant else 0.0,
        f"Hit@{k}": float(bool(relevant)),
        f"Recall@{k}": len(relevant) / sum(grade > 0 for grade in judged.values()),
        f"P@{k}": len(relevant) / k,
        f"MAP@{k}": sum(so_far / rank for so_far, rank in enumerate(relevant, start=1))
        / sum(grade > 0 for grade in judged.values()),
        f"Judged@{k}": sum(passage in judged for passage in ranking[:k]) / len(ranking[:k]),
    }
    scores = score_rankings({"q": judged}, {"q": ranking}, list(expected))
    assert {metric: by_query["q"] for metric, by_query in scores.items()} == pytest.approx(expected)


def _discounted(gains: list[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


@pytest.mark.parametrize(
    "name",
    [
        *("", "ndcg@10", "nDCG@0", "nDCG@-1", "nDCG@", "nDCG@1.5", "nDCG@10 ", "nDCG10"),
        *("Hit", "Recall", "P", "Judged", "map", "MAP@0", "AP", "Precision@5", "Judged@all"),
    ],
)
def test_an_unknown_metric_is_refused_with_the_ones_to_choose_from(name: str) -> None:
    with pytest.raises(ConfigError, match="Choose from nDCG, nDCG@k, MRR, MRR@k, Hit@k") as error:
        score_rankings({"q": ONE}, {"q": ["a"]}, ["MRR", name])
    assert repr(name) in str(error.value)
    assert str(error.value).endswith("Recall@k, P@k, MAP, MAP@k and Judged@k.")


@pytest.mark.parametrize("name", [*DEFAULT_METRICS, "MRR", "nDCG@100", "MAP", "MAP@5", "P@1"])
def test_a_metric_is_a_value_equal_to_itself(name: str) -> None:
    assert parse_metric(name) == parse_metric(name)
