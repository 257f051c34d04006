"""Settings that choose themselves: every ``"auto"`` becomes a value with its reason in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.training.model.hardware import CPU_MAX_LENGTH
from llama_index_rerank_tuner.training.settings.checks import Precision
from llama_index_rerank_tuner.training.settings.config import ChosenConfig, FinetuneConfig
from llama_index_rerank_tuner.training.settings.facts import TrainingFacts
from llama_index_rerank_tuner.training.settings.pair_lengths import length_that_holds, share_longer

GIVEN = "given"

LENGTH_STEP = 8
"""Lengths are multiples of 8, which matrix units are built for."""

EPOCHS = ((1_000, 8, 5), (10_000, 3, 2), (100_000, 2, 1))
"""Under so many questions: most epochs on a model as it is, and on one that a warm start has brought near already."""

LEARNING_RATES = (5e-5, 4e-5, 3e-5, 2e-5, 1e-5)
MODEL_SIZES = (50_000_000, 200_000_000, 400_000_000)
"""A model of each next size, and a head with more behind it, goes one step down the learning rates."""

LORA_FACTOR = 10
"""Adapters learn at higher rates than whole models: Hu et al. (2021, table 9) take 2e-4 to 5e-4 for RoBERTa."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Settings without ``"auto"``, and why each of the chosen ones is what it is.

    Args:
        settings: What to train with.
        reasons: Setting to reason in words; ``given`` where the user had set it.
    """

    settings: ChosenConfig
    reasons: Mapping[str, str]

    def lines(self) -> list[str]:
        """One line a choice for a log, those of the user left out."""
        return [
            f"{name} = {getattr(self.settings, name)}: {reason}"
            for name, reason in self.reasons.items()
            if reason != GIVEN
        ]

    def to_dict(self) -> dict[str, Any]:
        """Settings and reasons for a JSON report."""
        return {"settings": self.settings.to_dict(), "reasons": dict(self.reasons)}


def choose(config: FinetuneConfig, facts: TrainingFacts) -> Choices:
    """Resolve every ``"auto"``. What the user has set stays, with the reason ``given``.

    The batch size follows from ``facts.largest_batch``, which a probe can find only once ``max_length`` and
    ``precision`` are known: choose once without it, probe, and choose again with it.

    Raises:
        ConfigError: A given setting cannot work on this device, or a fact that a choice needs is missing.

    Example:
        >>> facts = TrainingFacts(
        ...     questions=400, lengths=(90, 120, 187), parameters=22_700_000, longest_pair=512,
        ...     data_loss="cross_entropy", data_loss_reason="every question has negatives", new_head=True,
        ...     warm_start=True, device="cpu", bf16=True,
        ... )
        >>> for line in choose(FinetuneConfig(batch_size=16, epochs=4, learning_rate="auto"), facts).lines():
        ...     print(line)
        learning_rate = 4e-05: 23 million weights; a new head after a warm start
        loss = cross_entropy: every question has negatives
        max_length = 192: 99 % of 3 measured pairs have at most 187 tokens; 0.0 % are cut
        precision = bf16: this cpu computes in bfloat16
        gradient_accumulation = 1: 1 step of 16 pairs: an effective batch of 16
    """
    reasons = {}
    for name, choice in _CHOICES.items():
        value, reasons[name] = getattr(config, name), GIVEN
        if value == "auto":
            value, reasons[name] = choice(config, facts)
        config = replace(config, **{name: value})
    if config.precision == "fp16" and facts.device == "cpu":
        raise ConfigError('precision fp16 needs a GPU: take bf16, fp32 or "auto" on a CPU.')
    return _within_reach(Choices(ChosenConfig(**config.to_dict()), reasons), facts)


def _within_reach(choices: Choices, facts: TrainingFacts) -> Choices:
    asked = choices.settings.max_length
    if asked <= facts.longest_pair:
        return choices
    reason = f"{asked} was given; the model and its text contract read {facts.longest_pair} at most"
    settings = replace(choices.settings, max_length=facts.longest_pair)
    return Choices(settings, {**choices.reasons, "max_length": reason})


def _epochs(config: FinetuneConfig, facts: TrainingFacts) -> tuple[int, str]:
    column = 2 if facts.warm_start else 1
    epochs = next((row[column] for row in EPOCHS if facts.questions < row[0]), 1)
    stopping = "" if config.patience is None else f", stopping after {config.patience} validations without gain"
    warm = " after a warm start" if facts.warm_start else ""
    return epochs, f"{facts.questions:,} training questions{warm}{stopping}"


def _learning_rate(config: FinetuneConfig, facts: TrainingFacts) -> tuple[float, str]:
    larger = sum(facts.parameters >= size for size in MODEL_SIZES)
    head, steps = _head(facts)
    rate = LEARNING_RATES[min(larger + steps, len(LEARNING_RATES) - 1)]
    reason = f"{facts.parameters / 1e6:,.0f} million weights; {head}"
    if config.lora_rank:
        return rate * LORA_FACTOR, f"{reason}; {LORA_FACTOR} times as much for LoRA"
    return rate, reason


def _head(facts: TrainingFacts) -> tuple[str, int]:
    if not facts.new_head:
        return "a head that ranks already", 2
    return ("a new head after a warm start", 1) if facts.warm_start else ("a new head without a warm start", 0)


def _loss(_: FinetuneConfig, facts: TrainingFacts) -> tuple[str, str]:
    return facts.data_loss, facts.data_loss_reason


def _max_length(_: FinetuneConfig, facts: TrainingFacts) -> tuple[int, str]:
    fitting = length_that_holds(facts.lengths)
    rounded = -(-fitting // LENGTH_STEP) * LENGTH_STEP
    limits = [(rounded, ""), (facts.longest_pair, "; the model and its text contract read no more")]
    limits += [(CPU_MAX_LENGTH, "; longer ones are slow on a CPU")] if facts.device == "cpu" else []
    length, limited = min(limits)
    cut = f"{100 * share_longer(facts.lengths, length):.1f} % are cut"
    return length, f"99 % of {len(facts.lengths):,} measured pairs have at most {fitting} tokens{limited}; {cut}"


def _precision(_: FinetuneConfig, facts: TrainingFacts) -> tuple[Precision, str]:
    if facts.bf16:
        return "bf16", f"this {facts.device} computes in bfloat16"
    if facts.fp16:
        return "fp16", f"this {facts.device} has no bfloat16 but fast float16; the loss is scaled"
    return "fp32", f"no shorter format is fast on this {facts.device} and safe for this model"


def _batch_size(config: FinetuneConfig, facts: TrainingFacts) -> tuple[int, str]:
    wanted = _pairs_a_process(config, facts)
    if isinstance(config.gradient_accumulation, int):
        wanted = -(-wanted // config.gradient_accumulation)
    if facts.largest_batch is None:
        return wanted, f"an effective batch of {config.effective_batch_size}; memory was not probed"
    held = f"memory holds {facts.largest_batch:,} pairs"
    if facts.largest_batch >= wanted:
        return wanted, f"an effective batch of {config.effective_batch_size}; {held}"
    steps = -(-wanted // facts.largest_batch)
    return -(-wanted // steps), f"{held}, {steps} steps make an effective batch"


def _gradient_accumulation(config: FinetuneConfig, facts: TrainingFacts) -> tuple[int, str]:
    batch = int(config.batch_size)
    steps = max(1, round(_pairs_a_process(config, facts) / batch))
    devices = f" on {facts.processes} devices" if facts.processes > 1 else ""
    made = f"{steps} {'step' if steps == 1 else 'steps'} of {batch} pairs{devices}"
    return steps, f"{made}: an effective batch of {steps * batch * facts.processes}"


def _pairs_a_process(config: FinetuneConfig, facts: TrainingFacts) -> int:
    return -(-config.effective_batch_size // facts.processes)


_CHOICES: Mapping[str, Callable[[FinetuneConfig, TrainingFacts], tuple[Any, str]]] = {
    "epochs": _epochs,
    "learning_rate": _learning_rate,
    "loss": _loss,
    "max_length": _max_length,
    "precision": _precision,
    "batch_size": _batch_size,
    "gradient_accumulation": _gradient_accumulation,
}
