"""The trainer: ``CrossEncoderTrainer`` with steps that are split exactly, and checkpoints that a kill cannot tear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from sentence_transformers.cross_encoder import CrossEncoderTrainer
from torch.utils.data import DataLoader
from transformers import TrainerCallback, TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from llama_index_rerank_tuner.json_files import read_json, write_json
from llama_index_rerank_tuner.training.batches.steps import SharedRows, SharedSteps, Steps
from llama_index_rerank_tuner.training.model.hardware import TrainingHardware
from llama_index_rerank_tuner.training.run.checkpoints import BestModel, Checkpoints, Resumable
from llama_index_rerank_tuner.training.run.processes import Processes

WEIGHTS, RUN_STATE = "weights.pt", "run_state.json"


class RerankTrainer(CrossEncoderTrainer):
    """Trains on given steps; the same weights in one process or many, in one go or resumed.

    Each step's rows are split over the processes and their losses weighted, so that the gradient is the mean over all
    the step's rows, whatever their number. A checkpoint holds weights, optimizer, schedule, random states of every
    process, the log, the loss summed since it was last logged, and what each ``Resumable`` callback remembers.

    Args:
        steps: The rows of each step, all processes together.
        processes: This process among them.
        hardware: Precision to validate in.
        checkpoints: Where they go; None writes none.
        best: The best model, whose earlier ones go when a checkpoint names the newest.
        watchers: Callbacks that know the run from its log and their memory, and can be shown its end alone.
        settings: What else ``CrossEncoderTrainer`` takes.
    """

    def __init__(
        self,
        *,
        steps: Steps,
        processes: Processes,
        hardware: TrainingHardware,
        checkpoints: Checkpoints | None,
        best: BestModel | None,
        watchers: Sequence[TrainerCallback],
        **settings: Any,
    ) -> None:
        super().__init__(callbacks=list(watchers), **settings)
        self.watchers = watchers
        self.steps, self.processes, self.hardware = steps, processes, hardware
        self.checkpoints, self.best = checkpoints, best
        self._writing: Path | None = None
        self._unlogged: tuple[float, int] | None = None
        self.add_callback(_TakeUpLoss(self))

    @property
    def resumables(self) -> dict[str, Resumable]:
        """The callbacks with a memory of their own, by the name of their class."""
        return {type(each).__name__: each for each in self.watchers if isinstance(each, Resumable)}

    def resume(self, checkpoint: Path) -> None:
        """Go on from a checkpoint to the end; where it is the end, take its weights and its log."""
        state = read_json(checkpoint / RUN_STATE)
        for name, each in self.resumables.items():
            if name in state["memories"]:
                each.load_state_dict(state["memories"][name])
        if not state["finished"]:
            losses = state["unlogged loss"]
            self._unlogged = (losses[self.processes.index % len(losses)], state["logged at"])
            self.train(resume_from_checkpoint=str(checkpoint))
            return
        self._load_from_checkpoint(str(checkpoint))
        self.state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
        self.state.is_world_process_zero = self.is_world_process_zero()
        for watcher in self.watchers:
            watcher.on_train_begin(self.args, self.state, self.control)
            watcher.on_train_end(self.args, self.state, self.control)

    def get_train_dataloader(self) -> Any:
        """This process's part of the steps, in the main thread and in order."""
        return DataLoader(
            SharedRows(self.train_dataset),
            batch_sampler=SharedSteps(self.steps, self.processes),
            collate_fn=self._collated,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **settings: Any) -> Any:
        """The loss of this process's rows, by what they count in the step."""
        weight = inputs.pop("weight", None)
        loss = super().compute_loss(self.model, inputs, *args, **settings)
        return loss if weight is None else loss * weight

    def training_step(self, model: Any, *args: Any, **settings: Any) -> Any:
        """Gradients of one batch; before the weights move, their mean over the processes.

        A loss may send its pairs through the model in several forward passes, which the hooks of
        ``DistributedDataParallel`` do not allow: the model runs unwrapped, and its gradients are averaged here.
        """
        loss = super().training_step(model, *args, **settings)
        if self.accelerator.sync_gradients:
            self.processes.average([each.grad for each in self.model.parameters() if each.grad is not None])
        return loss

    def evaluation_loop(self, *args: Any, **settings: Any) -> Any:
        """Validate in the training precision in every process: each scores a part of the pairs."""
        with self.hardware.autocast():
            return super().evaluation_loop(*args, **settings)

    def take_up_loss(self) -> None:
        """Count on from the loss that the checkpoint had not logged yet."""
        if self._unlogged is not None:
            loss, self._globalstep_last_logged = self._unlogged
            self._tr_loss += loss
            self._unlogged = None

    def _collated(self, share: Any) -> dict[str, Any]:
        rows, weight = share
        inputs: dict[str, Any] = self.data_collator(rows)
        return inputs if weight == 1.0 else {**inputs, "weight": weight}

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._writing) if self._writing is not None else str(super()._get_output_dir(trial))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if self.checkpoints is None:
            return
        finished, step = self.control.should_training_stop, self.state.global_step
        self.args.save_only_model = finished
        self._writing = self.checkpoints.folder / ".trainer"
        super()._save_checkpoint(model, trial)
        unlogged = self.processes.gathered(float(self._tr_loss))
        if self.processes.first:
            state = {
                "finished": finished,
                "memories": {name: each.state_dict() for name, each in self.resumables.items()},
                "unlogged loss": unlogged,
                "logged at": self._globalstep_last_logged,
            }
            written = self._writing / f"checkpoint-{step}"
            with self.checkpoints.writing(step) as folder:
                for each in written.iterdir():
                    each.rename(folder / each.name)
                write_json(folder / RUN_STATE, state)
            written.rmdir()
            if self.best is not None:
                self.best.forget_others()
        self._writing = None
        self.processes.wait()

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if self.args.should_save:
            folder = Path(output_dir or str(self.args.output_dir))
            folder.mkdir(parents=True, exist_ok=True)
            torch.save(self.model.state_dict(), folder / WEIGHTS)

    def _load_from_checkpoint(self, checkpoint_path: str, model: Any = None) -> None:
        self.model.load_state_dict(torch.load(Path(checkpoint_path) / WEIGHTS, map_location="cpu", weights_only=True))


class _TakeUpLoss(TrainerCallback):
    """Tells the trainer when its own count of the loss has begun."""

    def __init__(self, trainer: RerankTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.trainer.take_up_loss()
