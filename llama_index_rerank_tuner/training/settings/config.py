"""``FinetuneConfig``: every setting of a training run, each of which can be given or left to choose itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.training.settings.checks import (
    Auto,
    LossName,
    Precision,
    check_none_is_auto,
    check_settings,
)
from llama_index_rerank_tuner.training.settings.toml_file import read_settings, write_settings

DEFAULT_MODEL = "cross-encoder/ms-marco-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True)
class FinetuneConfig:
    """Settings of ``finetune()``.

    What is ``"auto"`` is chosen from the data, the model and the machine when training starts; ``choosing.choose`` says
    how, and the training report holds each choice with its reason.

    Args:
        epochs: Most passes over the labelled data; the best checkpoint among them is kept. None is ``"auto"``.
        batch_size: Pairs a step holds in memory; a listwise step takes as many whole lists as fit, at least one.
            ``"auto"`` takes what the device's memory allows, up to ``effective_batch_size``.
        learning_rate: Peak learning rate on the labels.
        warmup_steps: Steps of warm-up, or a share of all steps when it is a float under 1.
        weight_decay: AdamW's decay.
        loss: ``bce``, ``cross_entropy``, ``listnet``, ``lambda``, ``ranknet``, ``multiple_negatives``, ``mse``,
            ``margin_mse``, or ``"auto"`` by the shape of the data.
        max_length: Longest pair in tokens, in training and in service. A model trained on shorter pairs than it serves
            ranks the long ones badly. None is ``"auto"``: from the lengths in the data.
        precision: ``fp32``, ``bf16`` or ``fp16`` (mixed, with loss scaling), or ``"auto"`` by the hardware.
        gradient_accumulation: Steps whose gradients are summed before the weights move; ``"auto"`` takes as many as it
            needs to reach ``effective_batch_size``.
        effective_batch_size: Pairs behind one move of the weights, where ``"auto"`` decides.
        evaluations_per_epoch: How often an epoch is validated.
        patience: Validations without gain before training stops; None never stops early.
        save_steps: Steps between two states that a killed run can resume from; None saves none.
        lora_rank: Rank of LoRA adapters on the encoder's linear layers, the head trained in full; 0 trains all the
            weights.
        lora_alpha: LoRA's scale: the adapter's output is multiplied by ``lora_alpha / lora_rank``.
        frozen_layers: Number of encoder layers, from the lowest, whose weights stay as they are.
        noise: Share of the training passages that get OCR or typing errors, from 0 to 1.
        warm_start_lists: Imitation lists drawn for each training question, when the model has a new head.
        warm_start_epochs: Passes over the imitation lists.
        warm_start_learning_rate: Peak learning rate of the warm start.
        seed: Seeds the head, the order, the noise and the dropout.
        guard: Whether a few bundled questions of another subject are watched, to see whether the model forgets.
        max_forgetting: Fall of their nDCG@10 that raises an alarm.
        replace_head: Give a model whose head has several outputs, such as a classifier, a new head with one.
        report_to: Experiment trackers of the Trainer, such as ``("tensorboard",)``; a single name will do.

    Raises:
        ConfigError: A setting cannot work.

    Example:
        >>> config = FinetuneConfig(learning_rate=2e-5, report_to="tensorboard")
        >>> config.epochs, config.learning_rate, config.report_to
        ('auto', 2e-05, ('tensorboard',))
    """

    epochs: int | Auto | None = "auto"
    batch_size: int | Auto = "auto"
    learning_rate: float | Auto = "auto"
    warmup_steps: float = 0.1
    weight_decay: float = 0.01
    loss: LossName | Auto = "auto"
    max_length: int | Auto | None = "auto"
    precision: Precision | Auto = "auto"
    gradient_accumulation: int | Auto = "auto"
    effective_batch_size: int = 16
    evaluations_per_epoch: int = 1
    patience: int | None = 3
    save_steps: int | None = 200
    lora_rank: int = 0
    lora_alpha: int = 32
    frozen_layers: int = 0
    noise: float = 0.0
    warm_start_lists: int = 2
    warm_start_epochs: int = 1
    warm_start_learning_rate: float = 1e-4
    seed: int = 0
    guard: bool = True
    max_forgetting: float = 0.1
    replace_head: bool = False
    report_to: str | tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("epochs", "max_length"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, "auto")
        if isinstance(self.report_to, str | list):
            trackers = [self.report_to] if isinstance(self.report_to, str) else self.report_to
            object.__setattr__(self, "report_to", tuple(trackers))
        check_settings(asdict(self))

    def overridden(self, **settings: Any) -> FinetuneConfig:
        """A copy with the settings that are not None.

        Example:
            >>> FinetuneConfig(epochs=2).overridden(epochs=None, batch_size=8).batch_size
            8
        """
        return replace(self, **{name: value for name, value in settings.items() if value is not None})

    @staticmethod
    def from_toml(path: str | Path) -> FinetuneConfig:
        """Read settings from a TOML file: its table ``[finetune]``, or its top level where there is no such table.

        A setting that is not there keeps its default. TOML has no null: write ``"none"`` for it.

        Raises:
            ConfigError: There is no such file, it is not TOML, or it holds a setting that does not exist or cannot
                work; the message names the file, the key and the fix.
        """
        return read_settings(FinetuneConfig, Path(path))

    def to_toml(self, path: str | Path) -> None:
        """Write every setting to a TOML file, in a table ``[finetune]``, for ``from_toml``."""
        write_settings(self.to_dict(), Path(path))

    def to_dict(self) -> dict[str, Any]:
        """The settings for a JSON report."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenConfig(FinetuneConfig):
    """Settings in which nothing is ``"auto"`` any more, as ``choosing.choose`` makes them and training reads them.

    Raises:
        ConfigError: A setting is still ``"auto"``, or cannot work.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    loss: LossName
    max_length: int
    precision: Precision
    gradient_accumulation: int

    def __post_init__(self) -> None:
        FinetuneConfig.__post_init__(self)
        check_none_is_auto(asdict(self))
