"""The listwise loss: cross-entropy between a list's label distribution and its scores, computed with little padding."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from sentence_transformers.util import batch_to_device
from torch import Tensor, nn

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


class ListwiseLoss(nn.Module):
    """ListNet, equal to sentence-transformers' ``ListNetLoss`` but faster where lengths differ.

    All pairs of a step are sorted by length and go through the model a few at a time, so that a short passage is not
    padded to the step's longest.

    Args:
        model: Cross-encoder with one output.
        pairs_per_forward: Pairs that share a forward pass.

    Source: Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach", ICML 2007.
    """

    def __init__(self, model: CrossEncoder, pairs_per_forward: int) -> None:
        super().__init__()
        self.model, self.pairs_per_forward = model, pairs_per_forward

    def forward(self, inputs: list[Any], labels: list[Tensor], **preprocessing: Any) -> Tensor:
        """Mean loss over a step's lists.

        Args:
            inputs: Queries, a list of ``n`` texts, and passages, a list of ``n`` lists of texts.
            labels: ``n`` tensors, a label for each passage; their softmax is the target.
            preprocessing: What the trainer adds (``prompt``, ``task``), handed on to the tokenizer.
        """
        queries, lists = inputs
        pairs = [(query, passage) for query, passages in zip(queries, lists, strict=True) for passage in passages]
        scores = torch.split(self._scores(pairs, preprocessing), [len(passages) for passages in lists])
        losses = [
            nn.functional.cross_entropy(score, label.to(score).softmax(0))
            for score, label in zip(scores, labels, strict=True)
        ]
        return torch.stack(losses).mean()

    def _scores(self, pairs: list[tuple[str, str]], preprocessing: dict[str, Any]) -> Tensor:
        """Logits in the order of the pairs, shape ``(len(pairs),)``."""
        order = sorted(range(len(pairs)), key=lambda index: len(pairs[index][1]))
        size = self.pairs_per_forward
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        logits = torch.cat([self._logits([pairs[index] for index in part], preprocessing) for part in parts])
        position = torch.tensor(list(chain(*parts)), device=logits.device).argsort()
        return logits[position]

    def _logits(self, pairs: list[tuple[str, str]], preprocessing: dict[str, Any]) -> Tensor:
        features = batch_to_device(self.model.preprocess(pairs, **preprocessing), self.model.device)
        logits: Tensor = self.model(features)["scores"].view(-1).float()
        return logits
