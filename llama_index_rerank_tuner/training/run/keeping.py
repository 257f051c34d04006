"""Keeping the best: each validation that beats the earlier ones is saved in a folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from llama_index_rerank_tuner.training.run.checkpoints import BestModel
from llama_index_rerank_tuner.training.watch.alarms import may_be_best
from llama_index_rerank_tuner.training.watch.looks import Curve

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


class KeepBestModel(TrainerCallback):
    """Saves the model whenever a look at it is better than at every earlier trained step.

    A model that has diverged or collapsed is never the best. Every look at a trained model asks for a checkpoint. Give
    it after the ``CurveRecorder`` of the same curve.

    Args:
        model: The model in training.
        curve: Where the looks are found.
        store: Where the best goes.
    """

    def __init__(self, model: CrossEncoder, curve: Curve, store: BestModel) -> None:
        self.model, self.curve, self.store = model, curve, store
        self.ndcg: float | None = None

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Compare, save, and ask for a checkpoint that names what was saved."""
        look = self.curve.looks[-1]
        if not look.trained:
            return
        control.should_save = args.save_strategy != "no"
        if may_be_best(look, self.curve.looks[:-1]) and (self.ndcg is None or look.ndcg > self.ndcg):
            self.ndcg, self.store.step = look.ndcg, look.step
            if state.is_world_process_zero:
                self.store.save(self.model, look.step)
                if not control.should_save:
                    self.store.forget_others()

    def state_dict(self) -> dict[str, Any]:
        """The best nDCG@10 so far, and its step."""
        return {"ndcg": self.ndcg, "step": self.store.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""
        self.ndcg, self.store.step = state["ndcg"], state["step"]
