"""Distillation of margins: keep each negative as far below the positive as the teacher does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from llama_index_rerank_tuner.training.losses.scoring import ListLoss


class MarginMSELoss(ListLoss):
    """Squared distance between the student's and the teacher's margins of a list's first passage over each other.

    Source: Hofstätter et al., "Improving Efficient Neural Ranking Models with Cross-Architecture Knowledge
    Distillation", 2020, section 3.
    """

    def of_lists(self, scores: Sequence[Tensor], labels: Sequence[Tensor]) -> Tensor:
        """Mean over all margins of a step, whatever list they are from; labels are teacher scores."""
        return nn.functional.mse_loss(_margins(scores), _margins(labels))


def _margins(lists: Sequence[Tensor]) -> Tensor:
    return torch.cat([each[0] - each[1:] for each in lists])
