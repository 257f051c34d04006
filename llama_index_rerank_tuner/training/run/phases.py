"""The phases of a run: the warm start on imitation lists, then the labels; each goes on where it was cut off."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.errors import ScoreError
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.losses.lists import TrainingRows
from llama_index_rerank_tuner.training.model.hardware import TrainingHardware
from llama_index_rerank_tuner.training.run.checkpoints import Checkpoints, save_model
from llama_index_rerank_tuner.training.run.fitting import fit
from llama_index_rerank_tuner.training.run.folder import BASE, LAST, RunFolder
from llama_index_rerank_tuner.training.settings.config import ChosenConfig
from llama_index_rerank_tuner.training.watch.validation import RankingEvaluator

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

    from llama_index_rerank_tuner.training.watch.callbacks import Curve


@dataclass(slots=True)
class TrainingRun:
    """A model on its way from the base to the best checkpoint.

    Args:
        model: The cross-encoder, prepared for the hardware.
        folder: Where the run keeps what it has.
        config: All settings.
        contract: How the texts are made; saved with every model.
        hardware: Precision.
        show_progress: Show a progress bar.
        callbacks: More callbacks for the training on labels, as ``fit`` takes them.
    """

    model: CrossEncoder
    folder: RunFolder
    config: ChosenConfig
    contract: TextContract
    hardware: TrainingHardware
    show_progress: bool = False
    callbacks: Callable[[Curve], Sequence[Any]] | None = None

    def imitate(self, imitation: TrainingRows) -> Curve:
        """The warm start; its model is saved as the base."""
        curve = fit(
            self.model,
            imitation,
            self.config,
            self.hardware,
            epochs=self.config.warm_start_epochs,
            learning_rate=self.config.warm_start_learning_rate,
            checkpoints=self._checkpoints("warm start"),
            records=self.folder.checkpoint,
            processes=self.folder.processes,
            description="warm start",
            show_progress=self.show_progress,
        )
        self._save(BASE)
        return curve

    def learn(self, labelled: TrainingRows, evaluator: RankingEvaluator) -> Curve:
        """The labels; the best model by validation is saved as the checkpoint, the last one beside it.

        Raises:
            ScoreError: The model collapsed or diverged before there was anything to keep.
        """
        best = self.folder.best()
        curve = fit(
            self.model,
            labelled,
            self.config,
            self.hardware,
            epochs=self.config.epochs,
            learning_rate=self.config.learning_rate,
            evaluator=evaluator,
            checkpoints=self._checkpoints("training"),
            best=best,
            records=self.folder.checkpoint,
            processes=self.folder.processes,
            callbacks=self.callbacks,
            description="training",
            show_progress=self.show_progress,
        )
        self._save(LAST)
        if best.path is None:
            raise ScoreError(
                "No validation saw a model worth keeping: its scores were all alike, or no numbers. Lower the learning "
                "rate, or check the data."
            )
        if self.folder.processes.first:
            shutil.copytree(best.path, self.folder.checkpoint, dirs_exist_ok=True)
        self._save_contract(self.folder.checkpoint)
        return curve

    def _checkpoints(self, phase: str) -> Checkpoints | None:
        return None if self.config.save_steps is None else self.folder.checkpoints(phase)

    def _save(self, name: str) -> None:
        if self.folder.processes.first:
            save_model(self.model, self.folder.checkpoint / name)
            self._save_contract(self.folder.checkpoint / name)

    def _save_contract(self, folder: Path) -> None:
        if self.folder.processes.first:
            self.contract.save(folder)
