"""Distillation: give each pair the teacher's score."""

from __future__ import annotations

from torch import Tensor, nn

from llama_index_rerank_tuner.training.losses.scoring import PairLoss


class MSELoss(PairLoss):
    """Squared distance from the teacher's logits, scale and zero included."""

    def of_pairs(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Mean squared error of the logits; labels are teacher scores."""
        return nn.functional.mse_loss(scores, labels)
