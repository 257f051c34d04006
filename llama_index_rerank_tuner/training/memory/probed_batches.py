"""Batch sizes found by probing, remembered on disk for each device, model and pair length."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

logger = logging.getLogger(__name__)
CACHE_VARIABLE = "RERANK_TUNER_CACHE"
DEFAULT_CACHE = "~/.cache/llama-index-rerank-tuner"
FILE = "batch_sizes.json"
GROWTH = 1.1
"""A device with a tenth more memory than at the probe is probed again: a larger batch may fit now."""


@dataclass(frozen=True, slots=True)
class ProbedBatch:
    """What a probe found.

    Args:
        batch_size: Pairs a step.
        length: Pair length in tokens.
        most: Largest batch that was asked for.
        peak: Bytes at the peak of a step.
        limit: Bytes that the device had for training.
        remembered: Whether it was found on an earlier run.
    """

    batch_size: int
    length: int
    most: int
    peak: int
    limit: int
    remembered: bool = False

    @property
    def reason(self) -> str:
        """Why this batch size, for the log and the report."""
        why = "the most that was asked for" if self.batch_size == self.most else "the most that fits"
        when = ", found on an earlier run" if self.remembered else ""
        return (
            f"{why}: a step on pairs of {self.length} tokens takes {self.peak / 1e9:.2f} of {self.limit / 1e9:.2f} GB"
            f"{when}"
        )

    def holds(self, limit: int, margin: float, most: int) -> bool:
        """Whether it answers for a device that has ``limit`` bytes now, and for batches of at most ``most``."""
        if self.peak > margin * limit:
            return False
        capped = self.batch_size == self.most
        return most <= self.batch_size or (not capped and limit <= GROWTH * self.limit)

    def for_at_most(self, most: int) -> ProbedBatch:
        """The remembered answer for batches of at most ``most``."""
        return replace(self, batch_size=min(self.batch_size, most), most=most, remembered=True)


@dataclass(frozen=True, slots=True)
class ProbedBatches:
    """The JSON file of remembered answers.

    Args:
        file: Where it is; it need not exist.
    """

    file: Path

    @classmethod
    def at(cls, folder: Path | None = None) -> ProbedBatches:
        """The file in a cache folder; None takes ``RERANK_TUNER_CACHE`` or the user's cache."""
        place = folder if folder is not None else Path(os.environ.get(CACHE_VARIABLE) or DEFAULT_CACHE)
        return cls(place.expanduser() / FILE)

    def get(self, key: str) -> ProbedBatch | None:
        """The answer for a key; None where there is none, or none that can be read."""
        found = self._read().get(key)
        try:
            return ProbedBatch(**found) if found is not None else None
        except TypeError:
            return None

    def put(self, key: str, answer: ProbedBatch) -> None:
        """Remember an answer. Training does not depend on it: where it cannot be written, the log says so."""
        answers = self._read() | {key: asdict(answer)}
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile("w", dir=self.file.parent, delete=False, encoding="utf-8") as fresh:
                json.dump(answers, fresh, indent=2)
            os.replace(fresh.name, self.file)
        except OSError as error:
            logger.warning("The batch size could not be remembered (%s); set %s.", error, CACHE_VARIABLE)

    def _read(self) -> dict[str, Any]:
        try:
            answers = json.loads(self.file.read_text(encoding="utf-8"))
            if not isinstance(answers, dict):
                raise ValueError("it holds no JSON object")
            return answers
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            logger.warning("Remembered batch sizes are passed over: %s cannot be read (%s).", self.file, error)
            return {}


def probe_key(model: CrossEncoder, model_id: str, length: int, precision: str) -> str:
    """What an answer is for: device, model, what of it is trained, pair length, precision and torch's version."""
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    every = sum(each.numel() for each in model.parameters())
    attention = getattr(getattr(model.model, "config", None), "_attn_implementation", None)
    parts = (device_name(model.device), model_id, f"{trained} of {every} trained", f"{length} tokens")
    return " | ".join((*parts, precision, f"{attention} attention", f"torch {version('torch')}"))


def device_name(device: Any) -> str:
    """A device's name: the GPU's model, or the kind."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device.type)
