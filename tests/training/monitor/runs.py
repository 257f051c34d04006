"""Short real training runs under the watch, on upstream's trainer and losses."""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.errors import RerankTunerWarning
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.watch.looks import Curve
from tests.conftest import WORDS


@dataclass
class Run:
    curve: Curve
    watch: Any
    model: Any
    best: float | None
    warned: list[str]

    @property
    def names(self) -> list[str]:
        return [alarm.name for alarm in self.curve.alarms]


def train(
    model_path: str,
    training: Sequence[RerankExample],
    validation: Sequence[RerankExample],
    folder: Path,
    *,
    learning_rate: float,
    epochs: int = 4,
    loss: str = "listnet",
    lists_per_step: int = 4,
    patience: int | None = None,
    guard: Sequence[RerankExample] = (),
    seed: int = 0,
    max_length: int = 64,
    look_every: int | None = None,
    plain: bool = True,
    head_only: bool = False,
) -> Run:
    """Train, and give back what the watch saw. ``plain`` is fp32; else what the hardware likes."""
    from datasets import Dataset
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments, losses
    from torch import nn
    from transformers import set_seed
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    from llama_index_rerank_tuner.reranking.backends import load_cross_encoder
    from llama_index_rerank_tuner.training.model.backbone import has_reranking_head
    from llama_index_rerank_tuner.training.model.hardware import TrainingHardware
    from llama_index_rerank_tuner.training.run.checkpoints import BestModel
    from llama_index_rerank_tuner.training.run.keeping import KeepBestModel
    from llama_index_rerank_tuner.training.watch.callbacks import CurveRecorder, Watch
    from llama_index_rerank_tuner.training.watch.validation import RankingEvaluator

    set_seed(seed)
    model = load_cross_encoder(
        model_path, device="cpu", max_length=max_length, new_head=not has_reranking_head(model_path)
    )
    model.activation_fn = nn.Sigmoid() if loss == "bce" else nn.Identity()
    if head_only:
        for name, weight in model.model.named_parameters():
            weight.requires_grad_("classifier" in name)
    rows = _pairs(training) if loss == "bce" else _lists(training)
    per_step = lists_per_step * (len(rows) // len(training)) if loss == "bce" else lists_per_step
    steps = -(-len(rows) // per_step)
    hardware = TrainingHardware.of(model)
    hardware = replace(hardware, bf16=hardware.bf16 and not plain)
    curve = Curve()
    watch, keep = Watch(curve, patience=patience), KeepBestModel(model, curve, BestModel(folder / "best"))
    trainer = CrossEncoderTrainer(
        model=model,
        args=CrossEncoderTrainingArguments(
            output_dir=str(folder / "scratch"),
            num_train_epochs=epochs,
            per_device_train_batch_size=per_step,
            learning_rate=learning_rate,
            warmup_steps=0.1,
            bf16=hardware.bf16,
            use_cpu=True,
            eval_strategy="steps",
            eval_steps=look_every or steps,
            eval_on_start=True,
            logging_steps=max(1, steps // 5),
            logging_nan_inf_filter=False,
            save_strategy="no",
            disable_tqdm=True,
            report_to=[],
            seed=seed,
        ),
        train_dataset=Dataset.from_list(rows),
        loss=losses.BinaryCrossEntropyLoss(model) if loss == "bce" else losses.ListNetLoss(model),
        evaluator=RankingEvaluator(validation, TextContract("none"), hardware, guard),
        callbacks=[CurveRecorder(curve), keep, watch],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    trainer.train()
    return Run(curve, watch, model, keep.ndcg, _warnings_of(watch))


def swapped(examples: Sequence[RerankExample]) -> list[RerankExample]:
    """Positives and negatives change places."""
    return [replace(each, positives=each.negatives, negatives=each.positives) for each in examples]


def by_heart(number: int, seed: int) -> list[RerankExample]:
    """Questions whose answer follows no rule: random words, four passages, the first of them the answer."""
    draw = random.Random(seed)

    def words(count: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(count))

    return [
        RerankExample(
            f"n{seed}-{index}",
            words(4),
            (Passage(words(6), f"{seed}-{index}-0"),),
            tuple(Passage(words(6), f"{seed}-{index}-{place}") for place in (1, 2, 3)),
        )
        for index in range(number)
    ]


def constant(examples: Sequence[RerankExample]) -> list[RerankExample]:
    """Every passage the same text."""
    return [
        replace(
            example,
            positives=tuple(replace(each, text="fee") for each in example.positives),
            negatives=tuple(replace(each, text="fee") for each in example.negatives),
        )
        for example in examples
    ]


def _lists(examples: Sequence[RerankExample]) -> list[dict[str, Any]]:
    return [
        {
            "query": example.query,
            "docs": [positive.text, *(each.text for each in example.negatives)],
            "label": [10.0] + [0.0] * len(example.negatives),
        }
        for example in examples
        for positive in example.positives
    ]


def _pairs(examples: Sequence[RerankExample]) -> list[dict[str, Any]]:
    return [
        {"query": example.query, "passage": passage.text, "label": label}
        for example in examples
        for passages, label in ((example.positives, 1.0), (example.negatives, 0.0))
        for passage in passages
    ]


def _warnings_of(watch: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RerankTunerWarning)
        watch.warn()
    return [str(each.message) for each in caught]
