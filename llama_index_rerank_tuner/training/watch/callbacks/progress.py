"""The progress bar of a run."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback

from llama_index_rerank_tuner.training.watch.looks import METRIC


class ProgressBar(TrainerCallback):
    """One bar for the run, with the last loss and the last validation nDCG@10 beside it."""

    def __init__(self, description: str) -> None:
        self.description = description
        self._bar: Any = None
        self._shown: dict[str, str] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Open the bar, where the run stands."""
        self._bar = tqdm(total=state.max_steps, initial=state.global_step, desc=self.description, unit="step")

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
