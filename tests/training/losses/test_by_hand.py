"""Each loss on numbers small enough to work out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from llama_index_rerank_tuner.training.losses.lambda_loss import normalised_gain
from tests.training.losses.lookup import list_loss, pair_loss

LN2 = math.log(2)


def test_cross_entropy_is_the_surprise_at_the_positive() -> None:
    # softmax of (ln 2, 0, 0) is (1/2, 1/4, 1/4), of (0, 0) is (1/2, 1/2).
    value = list_loss("cross_entropy", [[LN2, 0.0, 0.0], [0.0, 0.0], [LN2, 0.0, 0.0]], [[1, 0, 0], [1, 0], [0, 1, 0]])
    assert value.item() == pytest.approx((LN2 + LN2 + 2 * LN2) / 3)


def test_listnet_with_two_equal_labels_wants_equal_scores() -> None:
    # The target is (1/2, 1/2); equal scores give ln 2, the odds 3:1 give -(ln 3/4 + ln 1/4) / 2.
    assert list_loss("listnet", [[5.0, 5.0]], [[3, 3]]).item() == pytest.approx(LN2)
    assert list_loss("listnet", [[math.log(3), 0.0]], [[3, 3]]).item() == pytest.approx(-math.log(3 / 16) / 2)


def test_ranknet_counts_each_couple_in_bits() -> None:
    # Three couples: equal scores cost 1 bit; a lead of ln 3 costs log2(4/3), a lag of ln 3 costs log2(4).
    couples = [[0.0, 0.0], [math.log(3), 0.0], [0.0, math.log(3)]]
    value = list_loss("ranknet", couples, [[1, 0]] * 3)
    assert value.item() == pytest.approx((1 + math.log2(4 / 3) + 2) / 3)


def test_ranknet_asks_nothing_of_passages_judged_alike() -> None:
    value = list_loss("ranknet", [[4.0, 1.0]], [[1, 1]])
    value.backward()
    assert value.item() == 0.0


def test_lambda_weighs_a_couple_by_its_change_of_ndcg() -> None:
    # Ranks 1 and 2: both weights are 1 - 1/log2(3), the first ten times. A lead of ln 3 costs log2(4/3) bits.
    value = list_loss("lambda", [[math.log(3), 0.0]], [[1, 0]])
    assert value.item() == pytest.approx(11 * (1 - 1 / math.log2(3)) * math.log2(4 / 3))


def test_lambda_cares_more_for_a_mistake_at_the_top() -> None:
    scores = torch.tensor([5.0, 4.0, 3.0, 2.0])
    top = list_loss("lambda", [scores.tolist()], [[0, 1, 0, 0]]).item()
    bottom = list_loss("lambda", [scores.tolist()], [[1, 0, 0, 1]]).item()
    assert top > bottom


def test_gains_are_shares_of_the_best_order() -> None:
    # Grades 2, 1, 0 gain 3, 1, 0; in the best order their DCG is 3 + 1/log2(3).
    assert normalised_gain(torch.tensor([0.0, 2.0, 1.0])).tolist() == pytest.approx(
        [0.0, 3 / (3 + 1 / math.log2(3)), 1 / (3 + 1 / math.log2(3))]
    )


def test_percentages_for_grades_do_not_overflow() -> None:
    assert normalised_gain(torch.tensor([500.0, 0.0])).tolist() == [1.0, 0.0]


def test_grades_under_zero_gain_nothing() -> None:
    assert normalised_gain(torch.tensor([-2.0, 0.0])).tolist() == [0.0, 0.0]


def test_bce_weighs_both_sides_alike() -> None:
    # Logits of 0 cost ln 2 each: one positive of weight 3, three negatives of weight 1, over four pairs.
    assert pair_loss("bce", [0.0] * 4, [1.0, 0.0, 0.0, 0.0]).item() == pytest.approx(6 * LN2 / 4)


def test_bce_without_negatives_weighs_one() -> None:
    assert pair_loss("bce", [0.0, 0.0], [1.0, 1.0]).item() == pytest.approx(LN2)


def test_mse_is_the_squared_distance_from_the_teacher() -> None:
    assert pair_loss("mse", [1.0, 2.0], [0.0, 4.0]).item() == pytest.approx(2.5)


def test_margin_mse_knows_only_differences() -> None:
    # Margins 2, 1 and 4 against the teacher's 3, 4 and 4.
    value = list_loss("margin_mse", [[3.0, 1.0, 2.0], [5.0, 1.0]], [[15.0, 12.0, 11.0], [-6.0, -10.0]])
    assert value.item() == pytest.approx((1 + 9 + 0) / 3)
