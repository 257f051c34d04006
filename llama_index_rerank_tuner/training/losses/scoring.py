"""What all losses share: the logits of a step's pairs, computed with little padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from torch import Tensor, nn, split

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.training.batches.forward_batches import batched_logits

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

    from llama_index_rerank_tuner.training.losses.lists import TrainingRows

Pair = tuple[str, str]


class ScoringLoss(nn.Module):
    """Scores the pairs of a step in batches of like length, so that none is padded to the step's longest.

    Args:
        model: Cross-encoder with one output.
        token_budget: Most tokens of a forward pass; None for the device's.

    Raises:
        ConfigError: The model has more than one output.
    """

    def __init__(self, model: CrossEncoder, token_budget: int | None = None) -> None:
        super().__init__()
        if model.num_labels != 1:
            raise ConfigError(
                f"The model has {model.num_labels} outputs; a reranker has one. "
                "Load it with num_labels=1, which gives it a new head."
            )
        self.model, self.token_budget = model, token_budget

    @classmethod
    def for_rows(cls, model: CrossEncoder, training: TrainingRows, token_budget: int | None = None) -> Self:
        """The loss set up for the rows of a run."""
        return cls(model, token_budget)

    def scores(self, pairs: Sequence[Pair], preprocessing: dict[str, Any]) -> Tensor:
        """Logits in the order of the pairs, shape ``(len(pairs),)``, in float32."""
        return batched_logits(self.model, pairs, token_budget=self.token_budget, **preprocessing)


class PairLoss(ScoringLoss):
    """A loss over single pairs: ``of_pairs`` says what it is."""

    def forward(self, inputs: list[Any], labels: Tensor, **preprocessing: Any) -> Tensor:
        """Loss of a step.

        Args:
            inputs: Queries and passages, two lists of ``n`` texts.
            labels: Shape ``(n,)``.
            preprocessing: What the trainer adds (``prompt``, ``task``), handed on to the tokenizer.
        """
        queries, passages = inputs
        scores = self.scores(list(zip(queries, passages, strict=True)), preprocessing)
        return self.of_pairs(scores, labels.to(scores).view(-1))

    def of_pairs(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Loss of logits against labels, both of shape ``(n,)``."""
        raise NotImplementedError


class ListLoss(ScoringLoss):
    """A loss over each query's list of passages: ``of_lists`` says what it is."""

    def forward(self, inputs: list[Any], labels: Sequence[Tensor], **preprocessing: Any) -> Tensor:
        """Loss of a step.

        Args:
            inputs: Queries, a list of ``n`` texts, and passages, a list of ``n`` lists of texts.
            labels: ``n`` tensors, a label for each passage.
            preprocessing: What the trainer adds (``prompt``, ``task``), handed on to the tokenizer.
        """
        queries, lists = inputs
        pairs = [(query, passage) for query, passages in zip(queries, lists, strict=True) for passage in passages]
        scores = split(self.scores(pairs, preprocessing), [len(passages) for passages in lists])
        targets = [label.to(score) for score, label in zip(scores, labels, strict=True)]
        return self.of_lists(scores, targets)

    def of_lists(self, scores: Sequence[Tensor], labels: Sequence[Tensor]) -> Tensor:
        """Loss of ``n`` lists of logits against as many lists of labels, list by list of the same length."""
        raise NotImplementedError
