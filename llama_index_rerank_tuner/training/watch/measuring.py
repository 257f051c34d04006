"""The figures of a look, from the scores and the positives of each validation question's list."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SATURATED_LOGIT = 25 * math.log(2)
"""Above it, a sigmoid in single precision rounds to 1 (its 24 bits of mantissa end there)."""


@dataclass(frozen=True, slots=True)
class ScoredQuestion:
    """One question's list as the model scored it.

    Args:
        scores: Logits, shape ``(n,)``.
        positive: Which of the passages are positives, shape ``(n,)``.
    """

    scores: NDArray[np.float64]
    positive: NDArray[np.bool_]

    @property
    def decided(self) -> bool:
        """Whether it has both a positive and a negative, and so an order that can be right or wrong."""
        return bool(self.positive.any() and not self.positive.all())


def score_figures(questions: Sequence[ScoredQuestion]) -> dict[str, float]:
    """The figures of ``Look`` that come from the scores themselves.

    Returns:
        ``loss``, ``constant_loss``, ``gap``, ``standardised_gap``, ``spread``, ``pairs_in_order`` and ``saturated``;
        empty where no question has both a positive and a negative.

    Example:
        >>> import numpy as np
        >>> asked = ScoredQuestion(np.array([3.0, 1.0]), np.array([True, False]))
        >>> figures = score_figures([asked])
        >>> figures["gap"], figures["standardised_gap"], figures["pairs_in_order"]
        (2.0, 2.0, 1.0)
    """
    decided = [each for each in questions if each.decided]
    if not decided:
        return {}
    scores = np.concatenate([each.scores for each in decided])
    gap, deviation = _mean([_gap(each) for each in decided]), float(scores.std())
    return {
        "loss": _mean([_softmax_loss(each) for each in decided]),
        "constant_loss": _mean([math.log(len(each.scores)) for each in decided]),
        "gap": gap,
        "standardised_gap": gap / deviation if deviation else 0.0,
        "spread": _mean([float(each.scores.std()) for each in decided]),
        "pairs_in_order": _mean([_pairs_in_order(each) for each in decided]),
        "saturated": float((np.abs(scores) > SATURATED_LOGIT).mean()),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _gap(question: ScoredQuestion) -> float:
    return float(question.scores[question.positive].mean() - question.scores[~question.positive].max())


def _softmax_loss(question: ScoredQuestion) -> float:
    """Cross-entropy against the uniform distribution over the positives."""
    highest = question.scores.max()
    log_sum = highest + math.log(float(np.exp(question.scores - highest).sum()))
    return float(log_sum - question.scores[question.positive].mean())


def _pairs_in_order(question: ScoredQuestion) -> float:
    differences = question.scores[question.positive][:, None] - question.scores[~question.positive][None, :]
    return float(((differences > 0) + 0.5 * (differences == 0)).mean())


def chance_ndcg(positive: NDArray[np.bool_], depth: int = 10) -> float:
    """Expected nDCG of a random order of a list that holds all its positives, each of grade 1.

    Example:
        >>> round(chance_ndcg(np.array([True, False])), 4)
        0.8155
    """
    discounts = 1 / np.log2(np.arange(2, min(len(positive), depth) + 2))
    ideal = discounts[: int(positive.sum())].sum()
    return float(positive.mean() * discounts.sum() / ideal) if ideal else 0.0
