"""``FinetuneConfig``: every setting of a training run, with the default that suits a first try."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from llama_index_rerank_tuner.errors import ConfigError

DEFAULT_MODEL = "cross-encoder/ms-marco-MiniLM-L6-v2"
EPOCHS_BY_LISTS = ((1_000, 4), (10_000, 2))


@dataclass(frozen=True, slots=True)
class FinetuneConfig:
    """Settings of ``finetune()``.

    Args:
        epochs: Passes over the labelled lists; None takes 4 under 1,000 lists, 2 under 10,000, else 1. The best of
            them is kept.
        batch_size: Pairs a step; a step takes as many whole lists as fit, at least one.
        learning_rate: Peak learning rate on the labels.
        warmup_steps: Steps of warm-up, or a share of all steps when it is a float under 1.
        weight_decay: AdamW's decay.
        loss: ``listwise`` (cross-entropy over each question's list), ``bce`` (binary cross-entropy a pair), or
            ``auto``: listwise where most questions have negatives.
        max_length: Longest pair in tokens, in training and in service; None takes the contract's, and at most 256 on a
            CPU. A model trained on shorter pairs than it serves ranks the long ones badly.
        evaluations_per_epoch: How often an epoch is validated.
        warm_start_lists: Imitation lists drawn for each training question, when the model has a new head.
        warm_start_epochs: Passes over the imitation lists.
        warm_start_learning_rate: Peak learning rate of the warm start.
        seed: Seeds the head, the order and the dropout.

    Raises:
        ConfigError: A setting cannot work.
    """

    epochs: int | None = None
    batch_size: int = 16
    learning_rate: float = 4e-5
    warmup_steps: float = 0.1
    weight_decay: float = 0.01
    loss: Literal["auto", "listwise", "bce"] = "auto"
    max_length: int | None = None
    evaluations_per_epoch: int = 1
    warm_start_lists: int = 2
    warm_start_epochs: int = 1
    warm_start_learning_rate: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "evaluations_per_epoch", "warm_start_lists", "max_length"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value > 0) and not (value is None and name in ("epochs", "max_length")):
                raise ConfigError(f"{name} must be a positive integer, got {value!r}.")
        for name in ("learning_rate", "warm_start_learning_rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} must be a positive number, got {getattr(self, name)}.")
        for name in ("warmup_steps", "warm_start_epochs", "weight_decay"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} must not be negative, got {getattr(self, name)}.")
        if self.loss not in ("auto", "listwise", "bce"):
            raise ConfigError(f"loss must be auto, listwise or bce, got {self.loss!r}.")

    def overridden(self, **settings: Any) -> FinetuneConfig:
        """A copy with the settings that are not None.

        Example:
            >>> FinetuneConfig(epochs=2).overridden(epochs=None, batch_size=8).batch_size
            8
        """
        return replace(self, **{name: value for name, value in settings.items() if value is not None})

    def epochs_for(self, lists: int) -> int:
        """Passes over so many labelled lists.

        Example:
            >>> FinetuneConfig().epochs_for(200), FinetuneConfig().epochs_for(2000)
            (4, 2)
        """
        if self.epochs is not None:
            return self.epochs
        return next((epochs for limit, epochs in EPOCHS_BY_LISTS if lists < limit), 1)

    def to_dict(self) -> dict[str, Any]:
        """The settings for a JSON report."""
        return asdict(self)
