"""When to stop early: nDCG that gains no more, or a gap that closes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from llama_index_rerank_tuner.training.watch.looks import METRIC, Look

CLOSING_GAP = 0.1
"""Standard deviations that the gap must lose in all before it counts as closing."""


def should_stop(looks: Sequence[Look], patience: int | None) -> str | None:
    """Why training should end now, in words; None to go on.

    It ends when ``patience`` looks in a row brought no nDCG@10 above the best, or when the standardised gap between
    positives and their hardest negatives fell at as many looks in a row while nDCG@10 was not at its best. The look
    before training counts as no best: a run is given its ``patience`` even where it starts by losing.

    Args:
        looks: The looks so far, in order.
        patience: Looks without gain before stopping; None never stops.

    Example:
        >>> looks = [Look(step, step / 10, ndcg) for step, ndcg in ((10, 0.60), (20, 0.72), (30, 0.70), (40, 0.71))]
        >>> should_stop(looks, patience=3) is None
        True
        >>> should_stop(looks, patience=2)
        'nDCG@10 did not gain in 2 looks: best 0.7200 at step 20'
    """
    trained = [look for look in looks if look.trained and not look.broken]
    if patience is None or len(trained) <= patience:
        return None
    best = max(trained, key=lambda look: look.ndcg)
    if len(trained) - 1 - trained.index(best) >= patience:
        return f"{METRIC} did not gain in {_looks(patience)}: best {best.ndcg:.4f} at step {best.step}"
    gaps = [look.standardised_gap for look in trained[-patience - 1 :]]
    falls = all(later < earlier for earlier, later in itertools.pairwise(gaps))
    if falls and gaps[0] - gaps[-1] > CLOSING_GAP and trained[-1].ndcg < best.ndcg:
        return (
            f"the gap between positives and hardest negatives closed over {_looks(patience)}: "
            f"{gaps[0]:.2f} to {gaps[-1]:.2f} standard deviations"
        )
    return None


def _looks(number: int) -> str:
    return f"{number} look" if number == 1 else f"{number} looks"
