"""Binary cross-entropy on single pairs, positives weighted by how rare they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from torch import Tensor, nn

from llama_index_rerank_tuner.training.losses.scoring import PairLoss

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

    from llama_index_rerank_tuner.training.losses.lists import TrainingRows


class BinaryCrossEntropyLoss(PairLoss):
    """Each pair on its own: is the passage relevant?

    Args:
        model: Cross-encoder with one output.
        token_budget: Most tokens of a forward pass; None for the device's.
        pos_weight: Weight of a positive; a negative weighs 1.
    """

    def __init__(self, model: CrossEncoder, token_budget: int | None = None, pos_weight: float = 1.0) -> None:
        super().__init__(model, token_budget)
        self.pos_weight = pos_weight

    @classmethod
    def for_rows(cls, model: CrossEncoder, training: TrainingRows, token_budget: int | None = None) -> Self:
        """Weighted so that all positives together weigh as much as all negatives."""
        return cls(model, token_budget, negatives_per_positive([row["label"] for row in training.rows]))

    def of_pairs(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Mean weighted cross-entropy of ``sigmoid(score)`` against the labels, which lie from 0 to 1."""
        weight = scores.new_tensor(self.pos_weight)
        return nn.functional.binary_cross_entropy_with_logits(scores, labels, pos_weight=weight)


def negatives_per_positive(labels: list[float]) -> float:
    """Ratio of negatives to positives; 1 where one side is missing.

    Example:
        >>> negatives_per_positive([1.0, 0.0, 0.0, 0.0])
        3.0
    """
    positives = sum(label > 0 for label in labels)
    negatives = len(labels) - positives
    return negatives / positives if positives and negatives else 1.0
