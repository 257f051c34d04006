"""The losses by name: the rows each reads, and the activation that a model trained with it is saved with."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from llama_index_rerank_tuner.errors import ConfigError

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder
    from torch import nn

    from llama_index_rerank_tuner.training.losses.lists import TrainingRows
    from llama_index_rerank_tuner.training.losses.scoring import ScoringLoss

RowShape: TypeAlias = Literal["pairs", "scored pairs", "lists", "graded lists", "scored lists"]


@dataclass(frozen=True, slots=True)
class LossSpec:
    """What the rest of training must know of a loss.

    Args:
        rows: Its rows. ``pairs``: a query, a passage, 1 or 0. ``lists``: a query, one positive (1) and its negatives
            (0). ``graded lists``: the same with grades for labels, and all positives of a question in one list where
            their grades differ. ``scored pairs`` and ``scored lists``: teacher scores for labels.
        activation: What turns a logit into the score shown: ``sigmoid`` only where the loss trains probabilities.
        file: Module of this package that holds it.
        name: Name of its class.
        best_label: What the highest grade of a list is scaled to; None leaves the grades as they are.
        needs_negatives: Whether it learns nothing from data without a negative.
    """

    rows: RowShape
    activation: Literal["identity", "sigmoid"]
    file: str
    name: str
    best_label: float | None = None
    needs_negatives: bool = True

    @property
    def reads_lists(self) -> bool:
        """Whether a row is a list of passages, not a single pair."""
        return self.rows.endswith("lists")

    @property
    def reads_teacher_scores(self) -> bool:
        """Whether the labels of its rows are ``Passage.teacher_score``."""
        return self.rows.startswith("scored")


# ListNet's target is the softmax of the labels: 1 and 0 would leave it almost flat, 10 and 0 make it one-hot.
LOSSES: dict[str, LossSpec] = {
    "bce": LossSpec("pairs", "sigmoid", "bce", "BinaryCrossEntropyLoss"),
    "cross_entropy": LossSpec("lists", "identity", "cross_entropy", "CrossEntropyLoss"),
    "listnet": LossSpec("graded lists", "identity", "listnet", "ListNetLoss", best_label=10.0),
    "lambda": LossSpec("graded lists", "identity", "lambda_loss", "LambdaLoss"),
    "ranknet": LossSpec("graded lists", "identity", "ranknet", "RankNetLoss"),
    "multiple_negatives": LossSpec(
        "lists", "identity", "multiple_negatives", "MultipleNegativesLoss", needs_negatives=False
    ),
    "mse": LossSpec("scored pairs", "identity", "mse", "MSELoss", needs_negatives=False),
    "margin_mse": LossSpec("scored lists", "identity", "margin_mse", "MarginMSELoss"),
}
"""Every loss by the name that a ``FinetuneConfig`` gives it."""

DEFAULT_LIST_LOSS = "listnet"
"""The loss for labelled lists where none is asked for."""


def loss_spec(loss: str) -> LossSpec:
    """What is known of a loss.

    Raises:
        ConfigError: There is no loss of this name.

    Example:
        >>> loss_spec("listnet").rows
        'graded lists'
        >>> loss_spec("hinge")
        Traceback (most recent call last):
        ...
        llama_index_rerank_tuner.errors.ConfigError: There is no loss 'hinge'. Choose one of: bce, cross_entropy, \
listnet, lambda, ranknet, multiple_negatives, mse, margin_mse.
    """
    if loss not in LOSSES:
        raise ConfigError(f"There is no loss {loss!r}. Choose one of: {', '.join(LOSSES)}.")
    return LOSSES[loss]


def activation_for(loss: str) -> nn.Module:
    """The activation that a model trained with a loss shows its scores through.

    A loss over differences of logits says nothing of where zero lies, so a sigmoid would squash its scores to almost
    0 or almost 1 and make ties; a student of teacher logits shows logits as its teacher does.

    Raises:
        ConfigError: There is no loss of this name.

    Example:
        >>> activation_for("bce"), activation_for("margin_mse")
        (Sigmoid(), Identity())
    """
    from torch import nn

    return nn.Sigmoid() if loss_spec(loss).activation == "sigmoid" else nn.Identity()


def build_loss(model: CrossEncoder, training: TrainingRows, token_budget: int | None = None) -> nn.Module:
    """The loss that some rows are for, as ``CrossEncoderTrainer`` takes it.

    Args:
        model: Cross-encoder with one output.
        training: All the rows of the run: what a loss counts beforehand (class ratio, known positives) is from here.
        token_budget: Most tokens of a forward pass; None for the device's.

    Raises:
        ConfigError: There is no loss of this name, or the model has more than one output.
    """
    spec = loss_spec(training.loss)
    module = import_module(f"{__package__}.{spec.file}")
    return cast("type[ScoringLoss]", getattr(module, spec.name)).for_rows(model, training, token_budget)
