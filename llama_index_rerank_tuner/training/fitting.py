"""One training run on ``CrossEncoderTrainer``: rows in, the model's weights moved, the curve out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.training.config import FinetuneConfig
from llama_index_rerank_tuner.training.hardware import TrainingHardware
from llama_index_rerank_tuner.training.lists import TrainingRows
from llama_index_rerank_tuner.training.monitor import Curve, CurveRecorder, KeepBest, ProgressBar
from llama_index_rerank_tuner.training.validation import RankingEvaluator

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


def fit(
    model: CrossEncoder,
    training: TrainingRows,
    config: FinetuneConfig,
    hardware: TrainingHardware,
    *,
    epochs: int,
    learning_rate: float,
    evaluator: RankingEvaluator | None = None,
    best: Path | None = None,
    description: str = "training",
    show_progress: bool = False,
) -> Curve:
    """Train a model in place, already prepared for the hardware.

    Args:
        model: The cross-encoder.
        training: What it learns from.
        config: Settings that both phases share.
        hardware: Precision.
        epochs: Passes over the rows.
        learning_rate: Peak learning rate.
        evaluator: Validates during training; None trains straight through.
        best: Folder that the best weights are saved to.
        description: Name beside the progress bar.
        show_progress: Show the bar.

    Returns:
        The curve of loss and validation.
    """
    from datasets import Dataset
    from sentence_transformers.cross_encoder import CrossEncoderTrainer
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    curve = Curve()
    callbacks: list[Any] = [CurveRecorder(curve)]
    callbacks += [ProgressBar(description)] if show_progress else []
    callbacks += [KeepBest(model, best)] if best is not None else []
    with tempfile.TemporaryDirectory(prefix="rerank-tuner-") as scratch:
        trainer = CrossEncoderTrainer(
            model=model,
            args=_arguments(scratch, training, config, hardware, epochs, learning_rate, evaluator is not None),
            train_dataset=Dataset.from_list(training.rows),
            loss=_loss(model, training, hardware),
            evaluator=evaluator,
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        trainer.train()
        if evaluator is not None and (not curve.validation or curve.validation[-1][0] != trainer.state.global_step):
            trainer.evaluate()
    return curve


def lists_per_step(training: TrainingRows, batch_size: int) -> int:
    """Rows a step of about ``batch_size`` pairs takes, at least one."""
    return max(1, round(batch_size * len(training.rows) / training.pairs))


def _arguments(
    folder: str,
    training: TrainingRows,
    config: FinetuneConfig,
    hardware: TrainingHardware,
    epochs: int,
    learning_rate: float,
    validate: bool,
) -> Any:
    from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments

    rows = lists_per_step(training, config.batch_size)
    steps = -(-len(training.rows) // rows)
    return CrossEncoderTrainingArguments(
        output_dir=folder,
        num_train_epochs=epochs,
        per_device_train_batch_size=rows,
        learning_rate=learning_rate,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        bf16=hardware.bf16,
        use_cpu=hardware.device == "cpu",
        eval_strategy="steps" if validate else "no",
        eval_steps=max(1, -(-steps // config.evaluations_per_epoch)),
        logging_steps=max(1, steps // 10),
        save_strategy="no",
        disable_tqdm=True,
        report_to=[],
        seed=config.seed,
        dataloader_pin_memory=hardware.device == "cuda",
    )


def _loss(model: CrossEncoder, training: TrainingRows, hardware: TrainingHardware) -> Any:
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    from llama_index_rerank_tuner.training.loss import ListwiseLoss

    if training.loss == "listwise":
        return ListwiseLoss(model, hardware.pairs_per_forward)
    return BinaryCrossEntropyLoss(model)
