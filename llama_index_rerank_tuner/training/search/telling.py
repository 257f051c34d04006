"""Telling a search what validation saw while a trial trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from llama_index_rerank_tuner.training.watch.validation import METRIC

if TYPE_CHECKING:
    from llama_index_rerank_tuner.training.search.running import OnLook


class TellLooks(TrainerCallback):
    """Hands each look at validation on; what ``on_look`` raises ends the run.

    Args:
        on_look: Takes the step and nDCG@10.
    """

    def __init__(self, on_look: OnLook) -> None:
        self.on_look = on_look

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float] | None = None, **kwargs: Any
    ) -> None:
        """Tell a look; the model before training is none."""
        value = (metrics or {}).get(f"eval_{METRIC}")
        if value is not None and state.global_step > 0:
            self.on_look(state.global_step, value)
