"""The figures of a look: literal lists with exact values, and torch and wild input as oracles."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.metrics import score_rankings
from llama_index_rerank_tuner.training.watch.measuring import (
    SATURATED_LOGIT,
    ScoredQuestion,
    chance_ndcg,
    score_figures,
)


def question(scores: list[float], positives: list[bool]) -> ScoredQuestion:
    return ScoredQuestion(np.array(scores, dtype=float), np.array(positives, dtype=bool))


ONE = question([2.0, 0.0, 1.0], [True, False, False])
TWO = question([0.0, 4.0, 1.0, 3.0], [True, False, True, False])


def test_two_questions_by_hand() -> None:
    figures = score_figures([ONE, TWO])
    assert figures["gap"] == pytest.approx((1.0 - 3.5) / 2)
    assert figures["constant_loss"] == pytest.approx((math.log(3) + math.log(4)) / 2)
    assert figures["spread"] == pytest.approx((math.sqrt(2 / 3) + math.sqrt(2.5)) / 2)
    assert figures["pairs_in_order"] == pytest.approx(0.5)
    every = np.array([2.0, 0.0, 1.0, 0.0, 4.0, 1.0, 3.0])
    assert figures["standardised_gap"] == pytest.approx(-1.25 / every.std())
    assert figures["saturated"] == 0.0


def test_the_loss_is_torchs_cross_entropy_against_the_positives() -> None:
    expected = [
        torch.nn.functional.cross_entropy(torch.tensor(each.scores), torch.tensor(each.positive / each.positive.sum()))
        for each in (ONE, TWO)
    ]
    assert score_figures([ONE, TWO])["loss"] == pytest.approx(float(sum(expected)) / 2)


def test_a_constant_predictor_has_the_constant_loss_and_the_order_of_chance() -> None:
    figures = score_figures([question([0.3] * 6, [True] + [False] * 5)])
    assert figures["loss"] == pytest.approx(figures["constant_loss"]) == pytest.approx(math.log(6))
    assert (figures["gap"], figures["spread"], figures["pairs_in_order"]) == (0.0, 0.0, 0.5)


def test_equal_scores_have_no_standardised_gap() -> None:
    assert score_figures([question([0.5, 0.5], [True, False])])["standardised_gap"] == 0.0


def test_a_question_without_a_positive_or_without_a_negative_does_not_count() -> None:
    assert score_figures([question([9.0, 1.0], [True, True]), question([1.0], [False])]) == {}
    assert score_figures([ONE, question([9.0, 1.0], [True, True])]) == score_figures([ONE])


def test_saturated_is_where_a_sigmoid_in_single_precision_is_one() -> None:
    just_below, just_above = SATURATED_LOGIT - 0.7, SATURATED_LOGIT + 0.01
    assert torch.sigmoid(torch.tensor(just_above, dtype=torch.float32)).item() == 1.0
    assert torch.sigmoid(torch.tensor(just_below, dtype=torch.float32)).item() < 1.0
    assert score_figures([question([just_above, just_below], [True, False])])["saturated"] == 0.5


@given(
    st.lists(st.lists(st.tuples(st.floats(-1e4, 1e4), st.booleans()), min_size=1, max_size=12), min_size=1, max_size=6)
)
def test_any_finite_scores_give_finite_figures(lists: list[list[tuple[float, bool]]]) -> None:
    figures = score_figures([question([s for s, _ in each], [p for _, p in each]) for each in lists])
    assert all(math.isfinite(value) for value in figures.values())
    if figures:
        assert figures["loss"] >= 0
        assert 0 <= figures["pairs_in_order"] <= 1


@pytest.mark.parametrize(("positives", "total"), [(1, 2), (1, 6), (2, 5), (1, 14)])
def test_the_ndcg_of_chance_is_the_mean_over_all_orders(positives: int, total: int) -> None:
    """Every order of one positive; for two, drawn at random."""
    draw = np.random.default_rng(0)
    keys = [str(n) for n in range(total)]
    orders = (
        [[*keys[1:place], keys[0], *keys[place:]] for place in range(1, total + 1)]
        if positives == 1
        else [list(draw.permutation(keys)) for _ in range(4000)]
    )
    qrels = {str(n): {key: int(int(key) < positives) for key in keys} for n in range(len(orders))}
    found = score_rankings(qrels, {str(n): order for n, order in enumerate(orders)}, ["nDCG@10"])["nDCG@10"]
    mean = sum(found.values()) / len(found)
    assert chance_ndcg(np.arange(total) < positives) == pytest.approx(mean, abs=1e-9 if positives == 1 else 0.01)
