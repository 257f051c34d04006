"""The curve, filled from what the trainer logs and evaluates, and filled again when a run is resumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from transformers import TrainerCallback

from llama_index_rerank_tuner.training.watch.looks import METRIC, Curve, Look

PREFIX = "eval_"


class CurveRecorder(TrainerCallback):
    """Fills a ``Curve``; give it before the callbacks that read the curve.

    A resumed run goes on from the curve that its checkpoint's log holds.
    """

    def __init__(self, curve: Curve) -> None:
        self.curve = curve

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take over what was logged before the run was cut off."""
        if state.global_step == 0:
            return
        for logs in state.log_history:
            if "loss" in logs:
                self.curve.add_loss(int(logs["step"]), float(logs["loss"]))
        for look in looks_logged(state.log_history):
            self.curve.add(look)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Take the training loss."""
        if logs and "loss" in logs:
            self.curve.add_loss(state.global_step, float(logs["loss"]))

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float] | None = None, **kwargs: Any
    ) -> None:
        """Take the look."""
        if metrics and PREFIX + METRIC in metrics:
            self.curve.add(Look.from_metrics(state.global_step, float(state.epoch or 0), metrics, PREFIX))


def looks_logged(history: Iterable[Mapping[str, float]]) -> list[Look]:
    """The looks in a trainer's ``state.log_history``, which its checkpoints keep."""
    return [
        Look.from_metrics(int(logs["step"]), float(logs.get("epoch", 0)), logs, PREFIX)
        for logs in history
        if PREFIX + METRIC in logs
    ]
