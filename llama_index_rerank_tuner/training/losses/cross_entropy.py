"""Cross-entropy over a group: one positive against its negatives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from llama_index_rerank_tuner.training.losses.scoring import ListLoss


class CrossEntropyLoss(ListLoss):
    """How surprised the softmax of a list's scores is by its positive.

    Source: Gao, Dai and Callan, "Rethink Training of BERT Rerankers in Multi-Stage Retrieval Pipeline", ECIR 2021
    (there "localized contrastive estimation").
    """

    def of_lists(self, scores: Sequence[Tensor], labels: Sequence[Tensor]) -> Tensor:
        """Mean over lists of ``-log softmax(scores)[positive]``; labels are 1 for the positive, else 0."""
        losses = [-score.log_softmax(0)[label.argmax()] for score, label in zip(scores, labels, strict=True)]
        return torch.stack(losses).mean()
