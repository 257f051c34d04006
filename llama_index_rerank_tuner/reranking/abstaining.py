"""``Cut``: which nodes are worth showing, by their calibrated probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.reranking.calibration import CALIBRATION_FILE, Calibration


@dataclass(frozen=True, slots=True)
class Cut:
    """Drops passages that are too unlikely to be relevant; all of them, where none is likely enough.

    Make one with ``Cut.chosen``.

    Args:
        calibration: Turns logits into probabilities; None drops nothing.
        threshold: Least probability of a kept passage; None drops nothing.
    """

    calibration: Calibration | None = None
    threshold: float | None = None

    @classmethod
    def chosen(
        cls, calibration: Calibration | None, score_threshold: float | None, target_precision: float | None, model: str
    ) -> Cut:
        """The cut that a user asked for.

        Args:
            calibration: The checkpoint's, or another.
            score_threshold: Least probability, 0 to 1.
            target_precision: Precision that the threshold reached on validation passages, above 0 and up to 1.
            model: Name of the model, for errors.

        Raises:
            ConfigError: Both are given, one is out of range, there is no calibration, or the precision was never
                reached.
        """
        if score_threshold is None and target_precision is None:
            return cls()
        if score_threshold is not None and target_precision is not None:
            raise ConfigError("score_threshold and target_precision both set the threshold; give one of them.")
        if score_threshold is not None and not 0 <= score_threshold <= 1:
            raise ConfigError(f"score_threshold is a probability between 0 and 1, got {score_threshold}.")
        if target_precision is not None and not 0 < target_precision <= 1:
            raise ConfigError(f"target_precision must be above 0 and at most 1, got {target_precision}.")
        if calibration is None:
            raise ConfigError(
                f"{model} has no {CALIBRATION_FILE}, and a threshold on scores that are no probabilities means "
                "nothing. Tune with tune_reranker, which fits one, or give calibration=fit_calibration(...)."
            )
        if target_precision is not None:
            return cls(calibration, calibration.threshold_for(target_precision))
        return cls(calibration, score_threshold)

    def keeps(self, logits: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of ``n`` passages are kept, shape ``(n,)``."""
        if self.calibration is None or self.threshold is None:
            return np.ones(len(logits), dtype=np.bool_)
        kept: NDArray[np.bool_] = self.calibration.probabilities(logits) >= self.threshold
        return kept
