"""One phase of a run on ``RerankTrainer``: rows in, the model's weights moved, the curve out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.training.batches.sampling import steps_of_rows
from llama_index_rerank_tuner.training.losses.lists import TrainingRows
from llama_index_rerank_tuner.training.model.hardware import TrainingHardware
from llama_index_rerank_tuner.training.run.checkpoints import BestModel, Checkpoints
from llama_index_rerank_tuner.training.run.processes import Processes
from llama_index_rerank_tuner.training.settings.config import ChosenConfig
from llama_index_rerank_tuner.training.watch.callbacks import Curve, CurveRecorder, ProgressBar
from llama_index_rerank_tuner.training.watch.validation import RankingEvaluator

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


CHECKPOINTS_PER_PHASE = 10


def fit(
    model: CrossEncoder,
    training: TrainingRows,
    config: ChosenConfig,
    hardware: TrainingHardware,
    *,
    epochs: int,
    learning_rate: float,
    evaluator: RankingEvaluator | None = None,
    checkpoints: Checkpoints | None = None,
    best: BestModel | None = None,
    records: Path | None = None,
    processes: Processes | None = None,
    callbacks: Callable[[Curve], Sequence[Any]] | None = None,
    description: str = "training",
    show_progress: bool = False,
) -> Curve:
    """Train a model in place, already prepared for the hardware; go on where there is a checkpoint.

    Args:
        model: The cross-encoder.
        training: What it learns from.
        config: Settings that both phases share.
        hardware: Precision.
        epochs: Passes over the rows.
        learning_rate: Peak learning rate.
        evaluator: Validates before and during training; None trains straight through.
        checkpoints: Those of this phase; None writes none.
        best: Where the best weights go; needs an evaluator.
        records: Folder that trackers write into; None for a temporary one.
        processes: The processes that train together; None for one alone.
        callbacks: The phase's curve to more callbacks of the trainer. One that is ``Resumable`` keeps its memory when
            the run is resumed; any other finds what was logged in ``state.log_history``, in ``on_train_begin``.
        description: Name beside the progress bar.
        show_progress: Show the bar.

    Returns:
        The curve of loss and validation, of the whole phase where it was resumed.
    """
    from datasets import Dataset
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    from llama_index_rerank_tuner.training.losses import build_loss
    from llama_index_rerank_tuner.training.run.trainer import RerankTrainer

    processes, curve = processes or Processes(), Curve()
    steps = steps_of_rows(model, training, config.batch_size, config.seed)
    resumed = checkpoints.latest() if checkpoints else None
    with _output(records) as output:
        trainer = RerankTrainer(
            steps=steps,
            processes=processes,
            hardware=hardware,
            checkpoints=checkpoints,
            best=best,
            model=model,
            args=_arguments(
                output,
                config,
                hardware,
                epochs=epochs,
                learning_rate=learning_rate,
                steps=len(steps),
                validate=evaluator is not None,
                look_first=evaluator is not None and resumed is None,
                save=checkpoints is not None,
            ),
            train_dataset=Dataset.from_list(training.rows),
            loss=build_loss(model, training),
            evaluator=evaluator,
            watchers=[
                *_callbacks(model, curve, best, description if show_progress and processes.first else None),
                *(callbacks(curve) if callbacks else ()),
            ],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        if resumed is None:
            trainer.train()
        else:
            trainer.resume(resumed)
        if evaluator is not None and (not curve.validation or curve.validation[-1][0] != trainer.state.global_step):
            trainer.evaluate()
    return curve


def _callbacks(model: CrossEncoder, curve: Curve, best: BestModel | None, description: str | None) -> list[Any]:
    found: list[Any] = [CurveRecorder(curve)]
    if best is not None:
        from llama_index_rerank_tuner.training.run.keeping import KeepBestModel

        found.append(KeepBestModel(model, curve, best))
    return found + ([ProgressBar(description)] if description is not None else [])


@contextmanager
def _output(records: Path | None) -> Iterator[Path]:
    """The trainer's own folder: its trackers write there, and it leaves an empty one for what evaluators write."""
    with tempfile.TemporaryDirectory(prefix="rerank-tuner-") as scratch:
        folder = records if records is not None else Path(scratch)
        yield folder
        with suppress(OSError):
            (folder / "eval").rmdir()


def _arguments(
    folder: Path,
    config: ChosenConfig,
    hardware: TrainingHardware,
    *,
    epochs: int,
    learning_rate: float,
    steps: int,
    validate: bool,
    look_first: bool,
    save: bool,
) -> Any:
    from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments

    updates = max(1, -(-steps // config.gradient_accumulation))
    return CrossEncoderTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        learning_rate=learning_rate,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        gradient_accumulation_steps=config.gradient_accumulation,
        bf16=hardware.bf16,
        fp16=config.precision == "fp16",
        use_cpu=hardware.device == "cpu",
        eval_on_start=look_first,
        eval_strategy="steps" if validate else "no",
        eval_steps=max(1, -(-updates // config.evaluations_per_epoch)),
        logging_nan_inf_filter=False,
        logging_steps=max(1, updates // 10),
        save_strategy="steps" if save else "no",
        save_steps=min(config.save_steps or updates, max(1, epochs * updates // CHECKPOINTS_PER_PHASE)),
        disable_tqdm=True,
        report_to=list(config.report_to),
        seed=config.seed,
        dataloader_pin_memory=hardware.device == "cuda",
    )
