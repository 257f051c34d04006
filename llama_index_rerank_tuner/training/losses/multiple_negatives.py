"""Multiple negatives: a query's positive against its own negatives and the other queries' positives of the step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from llama_index_rerank_tuner.training.losses.cross_entropy import CrossEntropyLoss

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

    from llama_index_rerank_tuner.training.losses.lists import TrainingRows


class MultipleNegativesLoss(CrossEntropyLoss):
    """Cross-entropy over each list grown by the other lists' positives; works without a single mined negative.

    A step scores ``n * (n - 1)`` pairs more than its ``n`` lists hold. Unlike sentence-transformers' class of this name
    it takes logits as they are, borrows positives only, and never one that is a positive of the query.

    Args:
        model: Cross-encoder with one output.
        token_budget: Most tokens of a forward pass; None for the device's.
        positives: Query text to the texts of all its positives, in the step or not.

    Source: Henderson et al., "Efficient Natural Language Response Suggestion for Smart Reply", 2017, section 4.4.
    """

    def __init__(
        self, model: CrossEncoder, token_budget: int | None = None, positives: Mapping[str, Set[str]] | None = None
    ) -> None:
        super().__init__(model, token_budget)
        self.positives = positives or {}

    @classmethod
    def for_rows(cls, model: CrossEncoder, training: TrainingRows, token_budget: int | None = None) -> Self:
        """Knows every positive of the run."""
        positives: dict[str, set[str]] = {}
        for row in training.rows:
            positives.setdefault(row["query"], set()).add(row["docs"][0])
        return cls(model, token_budget, positives)

    def forward(self, inputs: list[Any], labels: Sequence[Tensor], **preprocessing: Any) -> Tensor:
        """Loss of a step; each list's first passage is its positive.

        Args:
            inputs: Queries, a list of ``n`` texts, and passages, a list of ``n`` lists of texts.
            labels: ``n`` tensors, 1 for the positive, else 0.
            preprocessing: What the trainer adds, handed on to the tokenizer.
        """
        queries, lists = inputs
        borrowed = [self.borrowed(query, passages, lists) for query, passages in zip(queries, lists, strict=True)]
        grown = [[*passages, *more] for passages, more in zip(lists, borrowed, strict=True)]
        targets = [torch.cat([own, own.new_zeros(len(more))]) for own, more in zip(labels, borrowed, strict=True)]
        return super().forward([queries, grown], targets, **preprocessing)

    def borrowed(self, query: str, passages: Sequence[str], lists: Sequence[Sequence[str]]) -> list[str]:
        """The other lists' positives that are neither in the query's list nor positive for it, each once."""
        known = {*passages, *self.positives.get(query, ())}
        return [each for each in dict.fromkeys(other[0] for other in lists) if each not in known]
