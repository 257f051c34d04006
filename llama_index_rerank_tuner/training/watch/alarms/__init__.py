"""Alarms: what looks wrong in a run, in words, decided from its curve alone."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index_rerank_tuner.training.watch.alarms.learning import flipped_labels, loss_not_falling, over_fitting
from llama_index_rerank_tuner.training.watch.alarms.memory import MAX_FORGETTING, forgetting
from llama_index_rerank_tuner.training.watch.alarms.scores import collapse, divergence, has_collapsed, saturation
from llama_index_rerank_tuner.training.watch.looks import Alarm, Curve, Look

__all__ = ["FATAL", "MAX_FORGETTING", "Alarm", "alarms", "healthy", "may_be_best"]

FATAL = ("divergence", "collapse")
"""Alarms after which a run must not replace a good checkpoint."""


def alarms(curve: Curve, max_steps: int, max_forgetting: float = MAX_FORGETTING) -> list[Alarm]:
    """What looks wrong at the last look; a run that learns gives an empty list.

    A model that has diverged or collapsed is told so and nothing else: the other signs follow from it.

    Args:
        curve: The run so far.
        max_steps: Steps that the run is planned for.
        max_forgetting: Fall of the guard set's nDCG@10 that is too much.

    Example:
        >>> lost = Look(step=50, epoch=1, ndcg=0.4, loss=1.8, constant_loss=1.8, spread=0.00001)
        >>> curve = Curve(looks=[Look(step=0, epoch=0, ndcg=0.6, spread=0.9), lost])
        >>> [alarm.name for alarm in alarms(curve, max_steps=100)]
        ['collapse']
    """
    fatal = divergence(curve) or collapse(curve)
    if fatal is not None:
        return [fatal]
    signs = (
        saturation(curve),
        loss_not_falling(curve, max_steps),
        over_fitting(curve),
        forgetting(curve, max_forgetting),
        flipped_labels(curve),
    )
    return [alarm for alarm in signs if alarm is not None]


def healthy(found: list[Alarm]) -> bool:
    """Whether none of the alarms says that the model is lost.

    Example:
        >>> healthy([Alarm("over-fitting", "…", "…", 40)]), healthy([Alarm("collapse", "…", "…", 40)])
        (True, False)
    """
    return not any(alarm.name in FATAL for alarm in found)


def may_be_best(look: Look, earlier: Sequence[Look] = ()) -> bool:
    """Whether a look may count as the best of a run: trained, and neither diverged nor collapsed.

    Args:
        look: The model now.
        earlier: The looks before, the one before training among them where it was made.

    Example:
        >>> may_be_best(Look(step=40, epoch=1, ndcg=0.7)), may_be_best(Look(step=40, epoch=1, ndcg=0.0, broken=96))
        (True, False)
    """
    return look.trained and not look.broken and not has_collapsed(look, earlier)
