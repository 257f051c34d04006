"""Each alarm on literal curves: it sounds where it must, and is silent where it must not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llama_index_rerank_tuner.training.watch.alarms import alarms, healthy, may_be_best
from llama_index_rerank_tuner.training.watch.looks import Alarm, Curve, Look

CONSTANT = 1.792  # ln 6: lists of six
START = Look(
    0, 0.0, 0.60, 0.55, 1.5, CONSTANT, 0.2, 0.1, spread=1.0, pairs_in_order=0.70, questions=400, guard=0.80,
    guard_chance=0.55,
)  # fmt: skip


def curve(
    *changes: dict[str, Any], start: Look | None = START, losses: tuple[float, ...] = (1.5, 1.2, 0.9, 0.6)
) -> Curve:
    """A run of 100 steps an epoch: each look is the start with changes."""
    made = Curve()
    if start is not None:
        made.add(start)
    for number, change in enumerate(changes, start=1):
        made.add(replace(START, **{"step": 100 * number, "epoch": float(number), "guard": None, **change}))
    for number, loss in enumerate(losses, start=1):
        made.add_loss(100 * number, loss)
    return made


def names(of: Curve, max_steps: int = 400) -> list[str]:
    return [alarm.name for alarm in alarms(of, max_steps)]


LEARNING = [{"ndcg": 0.65, "loss": 1.3}, {"ndcg": 0.70, "loss": 1.1}, {"ndcg": 0.72, "loss": 1.0}]


def test_a_run_that_learns_is_silent_at_every_look() -> None:
    for length in range(len(LEARNING) + 1):
        assert names(curve(*LEARNING[:length])) == []


def test_scores_that_are_no_numbers_are_a_divergence_and_nothing_else() -> None:
    found = alarms(curve({"ndcg": 0.0, "loss": 0.0, "spread": 0.0, "broken": 96}), 400)
    assert [str(alarm) for alarm in found] == [
        "divergence at step 100: The model gives 96 NaN or infinite scores. Lower the learning rate (by 10 times), "
        "lengthen the warm-up, and train in bf16 or fp32 if this was fp16."
    ]


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_training_loss_that_is_no_number_is_a_divergence_before_any_look(loss: float) -> None:
    lost = curve(losses=(1.5, loss, loss))
    assert [(alarm.name, alarm.step) for alarm in alarms(lost, 400)] == [("divergence", 200)]
    assert lost.loss == [(100, 1.5)]


@pytest.mark.parametrize(
    ("spread", "order", "ndcg", "sounds"),
    [
        (0.0, 0.5, 0.40, True),
        (0.0009, 0.5, 0.60, True),
        (0.0011, 0.7, 0.60, False),
        (0.04, 0.5, 0.40, True),
        (0.04, 0.7, 0.62, False),  # another scale, the order kept
        (0.04, 0.1, 0.30, False),  # on its way through zero to the reverse
        (0.06, 0.5, 0.40, False),
    ],
)
def test_scores_all_alike_are_a_collapse(spread: float, order: float, ndcg: float, sounds: bool) -> None:
    found = names(curve({"spread": spread, "pairs_in_order": order, "ndcg": ndcg, "loss": 1.7}))
    assert ("collapse" in found) is sounds


def test_an_untrained_head_that_scores_nearly_alike_has_not_collapsed() -> None:
    fresh = replace(START, spread=4e-5, ndcg=0.4, loss=CONSTANT, guard=None)
    assert names(curve({"spread": 3e-5, "ndcg": 0.4, "loss": CONSTANT}, start=fresh), max_steps=1000) == []
    lost = curve({"spread": 0.2}, {"spread": 3e-5, "loss": CONSTANT}, start=fresh)
    assert names(lost, max_steps=1000) == ["collapse"]


def test_collapse_says_what_is_seen_and_what_to_try() -> None:
    (alarm,) = alarms(curve({"spread": 2e-7, "ndcg": 0.401}), 400)
    assert alarm.message == (
        "All passages of a question get the same score: they differ by 2e-07 (standard deviation of the logits, 1 at "
        "their widest in this run), and nDCG@10 is 0.4010."
    )
    assert alarm.advice.startswith("Lower the learning rate")


@pytest.mark.parametrize(("before", "now", "sounds"), [(0.0, 0.5, True), (0.0, 0.49, False), (0.3, 0.9, False)])
def test_logits_beyond_the_sigmoid_are_saturation(before: float, now: float, sounds: bool) -> None:
    found = names(curve({**LEARNING[0], "saturated": now}, start=replace(START, saturated=before)))
    assert found == (["saturation"] if sounds else [])


UNLEARNT = replace(START, loss=CONSTANT, ndcg=0.40, pairs_in_order=0.5, spread=0.01, guard=None)


@pytest.mark.parametrize(
    ("step", "loss", "ndcg", "training", "sounds"),
    [
        (200, CONSTANT, 0.40, (1.80, 1.79, 1.79, 1.79), True),
        (200, 1.77, 0.45, (1.80, 1.79, 1.79, 1.79), True),  # a better order alone may be luck
        (200, CONSTANT, 0.40, (0.69, 0.60, 0.56, 0.56), True),  # binary cross-entropy that found the base rate
        (199, CONSTANT, 0.40, (1.80, 1.79, 1.79, 1.79), False),  # before half-way
        (200, 1.75, 0.40, (1.80, 1.79, 1.79, 1.79), False),  # it falls
        (200, 1.78, 0.55, (0.40, 0.30, 0.20, 0.10), False),  # small in scale, and learnt
        (200, 2.60, 0.40, (1.80, 1.20, 0.60, 0.20), False),  # it learns, but something else
    ],
)
def test_a_loss_like_the_constant_predictors_is_told(
    step: int, loss: float, ndcg: float, training: tuple[float, ...], sounds: bool
) -> None:
    run = curve({"step": step, "loss": loss, "ndcg": ndcg, "pairs_in_order": 0.5}, start=UNLEARNT, losses=training)
    assert names(run) == (["loss not falling"] if sounds else [])


def test_a_good_model_moved_to_a_smaller_scale_is_not_told_that_it_learns_nothing() -> None:
    distilled = {"loss": 1.78, "ndcg": 0.60, "spread": 0.1}
    assert names(curve(distilled, distilled, losses=(0.02, 0.02, 0.02, 0.02))) == []


RISING = [{"ndcg": 0.70, "loss": 1.0}, {"ndcg": 0.70, "loss": 1.6}, {"ndcg": 0.69, "loss": 1.9}]


def test_validation_that_worsens_while_the_training_loss_falls_is_over_fitting() -> None:
    (alarm,) = alarms(curve(*RISING), 400)
    assert alarm.name == "over-fitting"
    assert alarm.message == (
        "The training loss fell from 1.500 to 0.900 while the validation loss rose from 1.000 to 1.900 (nDCG@10 0.7000 "
        "at best, now 0.6900)."
    )


@pytest.mark.parametrize(
    "silent",
    [
        curve(*RISING[:2]),  # one look may be noise
        curve(*RISING, losses=(0.9, 0.9, 0.9)),  # nothing is learnt by heart
        curve({"ndcg": 0.70, "loss": 1.0}, {"ndcg": 0.70, "loss": 1.3}, {"ndcg": 0.72, "loss": 1.4}),
        curve({"ndcg": 0.70, "loss": 1.0}, {"ndcg": 0.68, "loss": 1.1}, {"ndcg": 0.68, "loss": 1.2}),
    ],
)
def test_over_fitting_is_silent_where_it_is_not_clear(silent: Curve) -> None:
    assert names(silent) == []


def test_a_fall_of_ndcg_counts_by_how_many_questions_there_are() -> None:
    falling = [{"ndcg": 0.70, "loss": 1.0}, {"ndcg": 0.65, "loss": 1.1}, {"ndcg": 0.65, "loss": 1.2}]
    assert names(curve(*falling)) == ["over-fitting"]
    assert names(curve(*[{**each, "questions": 40} for each in falling])) == []


@pytest.mark.parametrize(
    ("before", "now", "sounds"), [(0.80, 0.69, True), (0.80, 0.71, False), (0.60, 0.30, False), (None, 0.1, False)]
)
def test_a_guard_set_that_falls_is_forgetting(before: float | None, now: float, sounds: bool) -> None:
    """Chance is 0.55 there: a model at 0.60 has nothing to forget."""
    run = curve({**LEARNING[0], "guard": now}, start=replace(START, guard=before))
    assert names(run) == (["forgetting"] if sounds else [])


def test_how_much_may_be_forgotten_is_a_setting() -> None:
    run = curve({**LEARNING[0], "guard": 0.75})
    assert [alarm.name for alarm in alarms(run, 400, max_forgetting=0.04)] == ["forgetting"]
    assert alarms(run, 400, max_forgetting=0.06) == []


WRONG_WAY = {"ndcg": 0.30, "loss": 3.0, "gap": -2.0, "standardised_gap": -1.5, "pairs_in_order": 0.1}


def test_training_below_chance_looks_like_flipped_labels_and_not_like_over_fitting() -> None:
    (alarm,) = alarms(curve({"loss": 1.4}, WRONG_WAY, WRONG_WAY), 400)
    assert alarm.name == "flipped labels"
    assert "10% of the pairs are in order, before training 70%" in alarm.message
    assert "1 must mean relevant" in alarm.advice


@pytest.mark.parametrize(
    "change",
    [
        {"pairs_in_order": 0.45, "ndcg": 0.5},  # near chance
        {"pairs_in_order": 0.3, "questions": 12},  # too few questions to tell
        {"loss": 1.79, "spread": 0.0009, "ndcg": 0.55},  # sure of nothing
        {"pairs_in_order": 0.36},  # below chance by less than training by heart may bring
    ],
)
def test_what_may_be_chance_is_not_called_flipped(change: dict[str, Any]) -> None:
    assert "flipped labels" not in names(curve({**WRONG_WAY, **change}))


@pytest.mark.parametrize(("order", "questions", "sounds"), [(0.19, 10, True), (0.21, 400, False), (0.0, 9, False)])
def test_a_base_model_that_is_nearly_always_wrong_looks_like_flipped_labels(
    order: float, questions: int, sounds: bool
) -> None:
    run = curve(start=replace(START, pairs_in_order=order, questions=questions), losses=())
    assert names(run) == (["flipped labels"] if sounds else [])


def test_questions_without_negatives_raise_nothing() -> None:
    nothing = Look(0, 0.0, 1.0, 1.0, questions=5)
    assert names(curve(start=nothing, losses=(0.7, 0.7))) == []
    unranked = {"constant_loss": 0.0, "loss": 0.0, "spread": 0.0, "ndcg": 1.0}
    assert names(curve(unranked, unranked, start=nothing, losses=(0.7, 0.7))) == []


def test_a_run_without_a_look_before_training_can_still_be_judged() -> None:
    assert names(curve({"spread": 1e-9, "loss": CONSTANT, "pairs_in_order": 0.5}, start=None)) == ["collapse"]
    assert names(curve({"step": 300, "loss": CONSTANT}, start=None, losses=(1.8, 1.8, 1.8))) == ["loss not falling"]
    assert names(curve(*LEARNING, start=None)) == []


def test_only_a_lost_model_is_unhealthy() -> None:
    for name, expected in (("divergence", False), ("collapse", False), ("over-fitting", True), ("forgetting", True)):
        assert healthy([Alarm(name, "", "", 1)]) is expected
    assert healthy([])


def test_a_lost_or_untrained_model_is_never_the_best() -> None:
    learnt = replace(START, step=100, ndcg=0.7)
    assert may_be_best(learnt, [START])
    assert not may_be_best(START)
    assert not may_be_best(replace(learnt, broken=1), [START])
    assert not may_be_best(replace(learnt, spread=1e-5), [START])
