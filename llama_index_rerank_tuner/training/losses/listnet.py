"""ListNet: cross-entropy between the distribution that a list's labels stand for and that of its scores."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from llama_index_rerank_tuner.training.losses.scoring import ListLoss


class ListNetLoss(ListLoss):
    """The same as sentence-transformers' ``ListNetLoss``, faster where lengths differ.

    Source: Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach", ICML 2007.
    """

    def of_lists(self, scores: Sequence[Tensor], labels: Sequence[Tensor]) -> Tensor:
        """Mean over lists of the cross-entropy between ``softmax(labels)`` and ``softmax(scores)``."""
        losses = [
            nn.functional.cross_entropy(score, label.softmax(0)) for score, label in zip(scores, labels, strict=True)
        ]
        return torch.stack(losses).mean()
