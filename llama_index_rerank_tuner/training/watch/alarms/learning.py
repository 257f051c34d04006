"""Alarms about what is learnt: nothing, the training questions by heart, or the wrong way round."""

from __future__ import annotations

from llama_index_rerank_tuner.training.watch.alarms.scores import ALIKE
from llama_index_rerank_tuner.training.watch.looks import Alarm, Curve, Look

NEAR_CONSTANT = 0.98
"""Share of the constant predictor's loss above which a model has learnt nothing to speak of."""
FEWEST_STEPS = 20
"""A run of fewer steps shows nothing either way."""
FALLING = 0.98
"""Ratio of a later training loss to an earlier one below which it counts as falling."""
OVER_FITTED_LOSS = 1.5
WRONG_WAY = 0.2
"""Share of pairs in order so far below chance that a model which knows the subject must be judged by flipped labels."""


def loss_not_falling(curve: Curve, max_steps: int) -> Alarm | None:
    """Half-way or later, the model is no better than one that scores every passage alike."""
    look = _last_trained(curve)
    if (
        look is None
        or max_steps < FEWEST_STEPS
        or 2 * look.step < max_steps
        or look.loss < NEAR_CONSTANT * look.constant_loss
    ):
        return None
    training = _training_losses(curve)
    if training is None or _learns_something(curve.start, look, training) or _ever_backwards(curve):
        return None
    return Alarm(
        "loss not falling",
        f"The validation loss is {look.loss:.3f}, where scoring every passage alike gives {look.constant_loss:.3f}, "
        f"and the training loss went from {training[0]:.3f} to {training[1]:.3f}.",
        "Raise the learning rate (by 3 to 10 times) or train more epochs; if neither helps, check that the labels fit "
        "the passages and that max_length leaves the answers in.",
        look.step,
    )


def over_fitting(curve: Curve) -> Alarm | None:
    """The training loss falls on while validation has become clearly worse, at the last two looks."""
    looks = [look for look in curve.sound if look.trained and look.constant_loss]
    if len(looks) < 3 or not all(_worse(looks, look) for look in looks[-2:]) or _ever_backwards(curve):
        return None
    lowest, top, last = min(looks, key=_loss), max(looks, key=_ndcg), looks[-1]
    before, now = _loss_before(curve, looks, lowest), _loss_before(curve, looks, last)
    if before is None or now is None or now >= FALLING * before:
        return None
    return Alarm(
        "over-fitting",
        f"The training loss fell from {before:.3f} to {now:.3f} while the validation loss rose from {lowest.loss:.3f} "
        f"to {last.loss:.3f} (nDCG@10 {top.ndcg:.4f} at best, now {last.ndcg:.4f}).",
        "Train fewer epochs or set patience, lower the learning rate, add data or noise, or train less of the model "
        "(lora_rank, frozen_layers).",
        last.step,
    )


def flipped_labels(curve: Curve) -> Alarm | None:
    """Training makes validation worse than chance, or the base model finds nearly every pair the wrong way round."""
    start, look = curve.start, _last_trained(curve)
    if start is not None and not start.broken and start.questions >= 10 and start.pairs_in_order < WRONG_WAY:
        return Alarm(
            "flipped labels",
            f"Before any training the model puts only {start.pairs_in_order:.0%} of the positives above a negative "
            "of their question; a random order would put half.",
            "Check the labels: 1 must mean relevant and 0 not, and pos and neg must not be swapped.",
            start.step,
        )
    if start is None or look is None or not _learnt_backwards(curve, start, look):
        return None
    return Alarm(
        "flipped labels",
        f"Training goes the wrong way: {look.pairs_in_order:.0%} of the pairs are in order, before training "
        f"{start.pairs_in_order:.0%}, by chance 50% (nDCG@10 {start.ndcg:.4f} to {look.ndcg:.4f}, gap {start.gap:.2f} "
        f"to {look.gap:.2f}).",
        "Check the training labels: 1 must mean relevant and 0 not, and pos and neg must not be swapped. If they are "
        "right, training and validation are about different things.",
        look.step,
    )


def _learns_something(start: Look | None, look: Look, training: tuple[float, float]) -> bool:
    """Whether a validation loss near the constant predictor's is a matter of scale, or of learning something else."""
    falling = training[1] < FALLING * training[0]
    if start is None or (falling and look.loss > look.constant_loss / NEAR_CONSTANT**2):
        return falling
    learnt = falling and look.ndcg > start.ndcg + look.clear_change(0.02)
    knew = start.loss < NEAR_CONSTANT * start.constant_loss
    return learnt or (knew and look.ndcg > start.ndcg - look.clear_change(0.02))


def _ever_backwards(curve: Curve) -> bool:
    start, trained = curve.start, [look for look in curve.sound if look.trained and look.constant_loss]
    return start is not None and any(_learnt_backwards(curve, start, look) for look in trained)


def _learnt_backwards(curve: Curve, start: Look, look: Look) -> bool:
    """Whether a look is so far below chance, and so sure of it, that training must have taught the reverse."""
    clear = 3 * look.clear_change(0.05)
    below_chance = look.pairs_in_order < 0.5 - clear
    worse = look.pairs_in_order < start.pairs_in_order - clear and look.ndcg < start.ndcg and look.gap < start.gap
    training = _training_losses(curve)
    falling = training is not None and training[1] < FALLING * training[0]
    sure = look.loss > look.constant_loss / NEAR_CONSTANT or (look.pairs_in_order < WRONG_WAY and look.spread > ALIKE)
    return below_chance and worse and falling and sure


def _worse(looks: list[Look], look: Look) -> bool:
    lowest, top = min(looks, key=_loss), max(looks, key=_ndcg)
    risen = look.step > lowest.step and look.loss > OVER_FITTED_LOSS * lowest.loss
    risen = risen and look.loss - lowest.loss > 0.1 * look.constant_loss
    fallen = look.step > top.step and look.ndcg < top.ndcg - look.clear_change(0.03) and look.loss > lowest.loss
    return risen or fallen


def _training_losses(curve: Curve) -> tuple[float, float] | None:
    """Mean training loss of the first and of the last quarter of what was logged."""
    losses = [value for _, value in curve.loss]
    part = max(1, len(losses) // 4)
    return (sum(losses[:part]) / part, sum(losses[-part:]) / part) if len(losses) > 1 else None


def _loss_before(curve: Curve, looks: list[Look], look: Look) -> float | None:
    earlier = [each.step for each in looks if each.step < look.step]
    return curve.loss_between(earlier[-1] if earlier else 0, look.step)


def _last_trained(curve: Curve) -> Look | None:
    """The last sound look after training began, where it has an order that can be right or wrong."""
    looks = [look for look in curve.sound if look.trained and look.constant_loss]
    return looks[-1] if looks else None


def _loss(look: Look) -> float:
    return look.loss


def _ndcg(look: Look) -> float:
    return look.ndcg
