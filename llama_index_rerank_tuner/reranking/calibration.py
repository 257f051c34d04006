"""Calibration: what a reranker's logit is worth as a probability that the passage is relevant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.json_files import read_record, write_json

CALIBRATION_FILE = "calibration.json"
COLUMNS = frozenset({"threshold", "kept", "precision", "recall", "abstained"})
MIN_KEPT = 20
"""A precision is believed from so many kept validation passages on."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns logits into probabilities: ``1 / (1 + exp(-(slope * logit + bias)))``.

    ``1 / slope`` is the temperature. A listwise loss leaves the zero of the logits undetermined, so a temperature
    alone cannot calibrate them; the bias sets it (Platt 1999). A slope of at least 0 never changes an order.

    Args:
        slope: Factor of the logit, at least 0.
        bias: Log odds of relevance at a logit of 0.
        thresholds: For each threshold how the validation passages that reached it fared, out of fold: ``threshold``,
            ``kept``, ``precision``, ``recall`` (of the relevant passages among the candidates) and ``abstained`` (the
            share of the questions left with no passage).
        evidence: What it was fitted on, and how well it does out of fold.

    Raises:
        ConfigError: The slope or the bias cannot work.

    Example:
        >>> Calibration(slope=1.0, bias=-2.0).probabilities(np.array([2.0, -3.9])).round(4).tolist()
        [0.5, 0.0027]
    """

    slope: float
    bias: float
    thresholds: Sequence[Mapping[str, float]] = field(default_factory=list)
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.slope) and np.isfinite(self.bias) and self.slope >= 0):
            raise ConfigError(
                f"A calibration needs a slope of at least 0 and a finite bias, got {self.slope} and {self.bias}."
            )
        if not all(row.keys() >= COLUMNS for row in self.thresholds):
            raise ConfigError(f"Each row of a calibration's thresholds needs {', '.join(sorted(COLUMNS))}.")

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of relevance of ``n`` logits, shape ``(n,)``."""
        odds = self.slope * np.asarray(logits, dtype=np.float64) + self.bias
        chances: NDArray[np.float64] = np.exp(-np.logaddexp(0.0, -odds))
        return chances

    def threshold_for(self, target_precision: float) -> float:
        """The lowest threshold that reached a precision on validation passages, out of fold.

        Raises:
            ConfigError: None did, on at least ``MIN_KEPT`` kept passages; the message names the best that did.
        """
        believed = [row for row in self.thresholds if row["kept"] >= MIN_KEPT]
        reached = [row["threshold"] for row in believed if row["precision"] >= target_precision]
        if reached:
            return min(reached)
        best = max(believed, key=lambda row: row["precision"], default=None)
        seen = (
            f"the best was {best['precision']:.2f} at a threshold of {best['threshold']}"
            if best is not None
            else f"no threshold kept {MIN_KEPT} validation passages"
        )
        raise ConfigError(
            f"No threshold reached target_precision={target_precision} on at least {MIN_KEPT} passages of the "
            f"validation questions: {seen}. Ask for less, tune on more labels, or give score_threshold."
        )

    def save(self, checkpoint: str | Path) -> None:
        """Write ``calibration.json`` into a checkpoint directory."""
        write_json(Path(checkpoint) / CALIBRATION_FILE, self)

    @classmethod
    def load(cls, checkpoint: str | Path) -> Calibration | None:
        """Read the calibration of a checkpoint; None where none was fitted.

        Raises:
            DataError: The file is there but is not a calibration.
        """
        path = Path(checkpoint) / CALIBRATION_FILE
        return read_record(cls, path, "a calibration", "Remove the file to serve without it.")
