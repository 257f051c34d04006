"""RankNet: every two passages of a list in the right order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from llama_index_rerank_tuner.training.losses.scoring import ListLoss


class RankNetLoss(ListLoss):
    """Logistic loss on the score difference of every two passages with different labels.

    Source: Burges et al., "Learning to Rank using Gradient Descent", ICML 2005; logarithm to base 2, as
    sentence-transformers has it.
    """

    def of_lists(self, scores: Sequence[Tensor], labels: Sequence[Tensor]) -> Tensor:
        """Mean over all such couples of a step, whatever list they are from; 0 where there is none."""
        losses = torch.cat([self._couples(score, label) for score, label in zip(scores, labels, strict=True)])
        return losses.sum() / max(losses.numel(), 1)

    def weights(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Weight of each couple of a list of ``n``, shape ``(n, n)``; here all the same."""
        return torch.ones(len(scores), len(scores), dtype=scores.dtype, device=scores.device)

    def _couples(self, scores: Tensor, labels: Tensor) -> Tensor:
        better = labels[:, None] > labels[None, :]
        difference = scores[:, None] - scores[None, :]
        losses = -nn.functional.logsigmoid(difference[better]) / math.log(2)
        return self.weights(scores.detach(), labels)[better] * losses
