"""Watching a run: the progress bar, the curve, and the best weights kept on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm
from transformers import TrainerCallback

from llama_index_rerank_tuner.training.validation import METRIC

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


@dataclass(slots=True)
class Curve:
    """What a run measured, step by step.

    Args:
        loss: (step, mean training loss since the last one).
        validation: (step, nDCG@10).
    """

    loss: list[tuple[int, float]] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)

    @property
    def best(self) -> tuple[int, float] | None:
        """Step and nDCG@10 of the best trained weights; the first of equals; None where nothing was validated."""
        trained = [point for point in self.validation if point[0] > 0]
        return max(trained, key=lambda point: point[1], default=None)


class ProgressBar(TrainerCallback):
    """One bar for the run, with the last loss and the last validation nDCG@10 beside it."""

    def __init__(self, description: str) -> None:
        self.description = description
        self._bar: Any = None
        self._shown: dict[str, str] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Open the bar."""
        self._bar = tqdm(total=state.max_steps, desc=self.description, unit="step")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Move it by a step."""
        self._bar.update(1)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Show the figures."""
        for key, name in (("loss", "loss"), (f"eval_{METRIC}", METRIC)):
            if logs and key in logs:
                self._shown[name] = f"{float(logs[key]):.3f}"
        self._bar.set_postfix(self._shown)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the bar."""
        self._bar.close()


class CurveRecorder(TrainerCallback):
    """Fills a ``Curve`` from what the trainer logs."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Take the loss and the validation figure."""
        if logs and "loss" in logs:
            self.curve.loss.append((state.global_step, float(logs["loss"])))
        if logs and f"eval_{METRIC}" in logs:
            self.curve.validation.append((state.global_step, float(logs[f"eval_{METRIC}"])))


class KeepBest(TrainerCallback):
    """Saves the model whenever validation is better than at every earlier trained step."""

    def __init__(self, model: CrossEncoder, folder: Path) -> None:
        self.model, self.folder = model, folder
        self.best: float | None = None

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float] | None = None, **kwargs: Any
    ) -> None:
        """Compare, and save."""
        value = (metrics or {}).get(f"eval_{METRIC}")
        if value is None or (self.best is not None and value <= self.best):
            return
        self.best = value
        self.model.save_pretrained(str(self.folder))
