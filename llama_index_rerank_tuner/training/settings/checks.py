"""What each training setting may be, and the error where it is something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from llama_index_rerank_tuner.errors import ConfigError

Auto: TypeAlias = Literal["auto"]
LossName: TypeAlias = Literal[
    "bce", "cross_entropy", "listnet", "lambda", "ranknet", "multiple_negatives", "mse", "margin_mse"
]
Precision: TypeAlias = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: what it is in words, and whether a value is one."""

    words: str
    holds: Callable[[Any], bool]

    def or_value(self, value: Any, words: str) -> Kind:
        """This kind, or one more value."""
        return Kind(f"{self.words} or {words}", lambda given: given == value or self.holds(given))

    def or_auto(self) -> Kind:
        """This kind, or ``"auto"``."""
        return self.or_value("auto", '"auto"')


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _one_of(names: Iterable[str]) -> Kind:
    known = tuple(names)
    return Kind(", ".join(known), lambda value: isinstance(value, str) and value in known)


COUNT = Kind("an integer of 0 or more", lambda value: _is_count(value) and value >= 0)
POSITIVE_INTEGER = Kind("a positive integer", lambda value: _is_count(value) and value > 0)
POSITIVE = Kind("a positive number", lambda value: _is_number(value) and 0 < value < float("inf"))
NOT_NEGATIVE = Kind("a number of 0 or more", lambda value: _is_number(value) and 0 <= value < float("inf"))
SHARE = Kind("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
YES_OR_NO = Kind("True or False", lambda value: isinstance(value, bool))
NAMES = Kind(
    "a name or a list of names",
    lambda value: isinstance(value, tuple) and all(isinstance(each, str) and each for each in value),
)

KINDS: Mapping[str, Kind] = {
    "epochs": POSITIVE_INTEGER.or_auto(),
    "batch_size": POSITIVE_INTEGER.or_auto(),
    "learning_rate": POSITIVE.or_auto(),
    "warmup_steps": NOT_NEGATIVE,
    "weight_decay": NOT_NEGATIVE,
    "loss": _one_of(get_args(LossName)).or_auto(),
    "max_length": POSITIVE_INTEGER.or_auto(),
    "precision": _one_of(get_args(Precision)).or_auto(),
    "gradient_accumulation": POSITIVE_INTEGER.or_auto(),
    "effective_batch_size": POSITIVE_INTEGER,
    "evaluations_per_epoch": POSITIVE_INTEGER,
    "patience": POSITIVE_INTEGER.or_value(None, "None"),
    "save_steps": POSITIVE_INTEGER.or_value(None, "None"),
    "lora_rank": COUNT,
    "lora_alpha": POSITIVE_INTEGER,
    "frozen_layers": COUNT,
    "noise": SHARE,
    "warm_start_lists": POSITIVE_INTEGER,
    "warm_start_epochs": COUNT,
    "warm_start_learning_rate": POSITIVE,
    "seed": COUNT,
    "guard": YES_OR_NO,
    "max_forgetting": SHARE,
    "replace_head": YES_OR_NO,
    "report_to": NAMES,
}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check every setting against its kind.

    Raises:
        ConfigError: A value cannot work; the message names the setting, what it must be and what it got.

    Example:
        >>> check_settings({"epochs": 3, "noise": 0.1})
        >>> check_settings({"epochs": 0})
        Traceback (most recent call last):
        ...
        llama_index_rerank_tuner.errors.ConfigError: epochs must be a positive integer or "auto", got 0.
    """
    for name, value in settings.items():
        if not KINDS[name].holds(value):
            raise ConfigError(f"{name} must be {KINDS[name].words}, got {value!r}.")


def check_none_is_auto(settings: Mapping[str, Any]) -> None:
    """Check that every setting has a value of its own.

    Raises:
        ConfigError: Some are ``"auto"``.
    """
    open_ones = [name for name, value in settings.items() if value == "auto"]
    if open_ones:
        raise ConfigError(f'{", ".join(open_ones)} must have a value here, not "auto"; choose() finds one.')
