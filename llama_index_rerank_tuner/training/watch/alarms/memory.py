"""The alarm about what was known before: nDCG on an out-of-domain guard set."""

from __future__ import annotations

from llama_index_rerank_tuner.training.watch.looks import Alarm, Curve

MAX_FORGETTING = 0.1
"""Fall of the guard set's nDCG@10 that is too much, unless set otherwise."""
KNOWN = 0.1
"""What the model must have been above chance on the guard set to have anything to forget."""


def forgetting(curve: Curve, limit: float = MAX_FORGETTING) -> Alarm | None:
    """The model ranks questions of another subject worse than before by more than ``limit``.

    A model that was near a random order there, such as one with a new head, has nothing to forget.
    """
    seen = [look for look in curve.sound if look.guard is not None]
    if len(seen) < 2 or seen[0].trained:
        return None
    first, last = seen[0], seen[-1]
    before, now = first.guard or 0.0, last.guard or 0.0
    if before < first.guard_chance + KNOWN or before - now <= limit:
        return None
    return Alarm(
        "forgetting",
        f"On questions from another subject (the guard set) nDCG@10 fell from {before:.4f} to {now:.4f}; the limit is "
        f"a fall of {limit:g}.",
        "If it will serve other subjects too: lower the learning rate, train fewer epochs, mix in general data, or "
        "train less of the model (lora_rank, frozen_layers).",
        last.step,
    )
