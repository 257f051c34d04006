"""Alarms about the scores themselves: no numbers, all alike, or stuck at the ends of the sigmoid."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index_rerank_tuner.training.watch.looks import Alarm, Curve, Look

ALIKE = 1e-3
"""Logits within a question that differ by less may be alike; those of an untrained head may too."""
NARROWED = 0.25
"""Share of the widest spread seen below which logits that differ by less than ``ALIKE`` are alike."""
LOST_SPREAD = 0.05
"""Share of the widest spread seen below which logits are alike at any scale, where their order is one of chance."""
ROUNDING = 1e-6
"""What padding and batching alone may change in a logit."""
SATURATED = 0.5
"""Share of saturated logits that is too much."""

_LOWER_RATE = "Lower the learning rate (by 10 times), lengthen the warm-up"


def divergence(curve: Curve) -> Alarm | None:
    """The loss or a score is NaN or infinite: nothing can be learnt or ranked from there."""
    broken = next((look for look in curve.looks if look.broken), None)
    advice = f"{_LOWER_RATE}, and train in bf16 or fp32 if this was fp16."
    if broken is not None:
        return Alarm("divergence", f"The model gives {broken.broken} NaN or infinite scores.", advice, broken.step)
    if curve.broken_at is not None:
        return Alarm("divergence", "The training loss is NaN or infinite.", advice, curve.broken_at)
    return None


def collapse(curve: Curve) -> Alarm | None:
    """All passages of a question get the same score."""
    look = _last_trained(curve)
    if look is None or not has_collapsed(look, curve.sound):
        return None
    widest = max(each.spread for each in curve.sound)
    before = f", {widest:.2g} at their widest in this run" if widest > look.spread else ""
    return Alarm(
        "collapse",
        f"All passages of a question get the same score: they differ by {look.spread:.2g} (standard deviation of the "
        f"logits{before}), and nDCG@10 is {look.ndcg:.4f}.",
        f"{_LOWER_RATE}, and check that the passages of a question are not all the same text.",
        look.step,
    )


def has_collapsed(look: Look, earlier: Sequence[Look] = ()) -> bool:
    """Whether a trained model scores all passages of a question alike.

    Args:
        look: The model now.
        earlier: The other looks of the run. An untrained head scores nearly alike too: what has collapsed is what was
            wider before.

    Example:
        >>> has_collapsed(Look(40, 1, 0.5, constant_loss=1.8, spread=2e-5), [Look(0, 0, 0.5, spread=0.4)])
        True
        >>> has_collapsed(Look(40, 1, 0.5, constant_loss=1.8, spread=2e-5), [Look(0, 0, 0.5, spread=3e-5)])
        False
    """
    if not look.trained or look.broken or not look.constant_loss:
        return False
    widest = max((each for each in earlier if not each.broken), key=lambda each: each.spread, default=look)
    alike = look.spread < min(ALIKE, NARROWED * widest.spread) or look.spread < ROUNDING
    narrow = look.spread < LOST_SPREAD * widest.spread
    by_chance = abs(look.pairs_in_order - 0.5) < look.clear_change(0.05)
    return alike or (narrow and by_chance and look.ndcg < widest.ndcg - look.clear_change(0.02))


def saturation(curve: Curve) -> Alarm | None:
    """Logits so large that most sigmoids are exactly 0 or 1, where a gradient through them ends."""
    look = _last_trained(curve)
    before = curve.start.saturated if curve.start else 0.0
    if look is None or look.saturated < SATURATED or before >= SATURATED / 2:
        return None
    return Alarm(
        "saturation",
        f"{look.saturated:.0%} of the logits are so large that their probability is exactly 0 or 1 (before training: "
        f"{before:.0%}).",
        "Lower the learning rate, raise weight_decay, or train fewer epochs; with loss 'bce' check for labels that "
        "contradict each other.",
        look.step,
    )


def _last_trained(curve: Curve) -> Look | None:
    sound = curve.sound
    return sound[-1] if sound and sound[-1].trained else None
