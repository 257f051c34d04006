"""Trains a tiny model, in this process or under a launcher; the tests of killed and of several processes start it."""

from __future__ import annotations

import argparse
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

from sentence_transformers import CrossEncoder

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine, FinetuneConfig
from llama_index_rerank_tuner.training.batches.steps import Share, SharedRows
from llama_index_rerank_tuner.training.model import hardware
from llama_index_rerank_tuner.training.run import checkpoints
from llama_index_rerank_tuner.training.run.trainer import RerankTrainer
from llama_index_rerank_tuner.training.watch.validation import RankingEvaluator


def imitation_lists(data: RerankDataset) -> list[RerankExample]:
    """Lists of the questions' own passages, the positive scored best."""
    return [
        replace(
            example,
            candidates=tuple(
                replace(passage, teacher_score=score)
                for passage, score in zip((*example.positives, *example.negatives), (9.0, 2.0, 1.0, 0.0), strict=False)
            ),
        )
        for example in data
    ]


def write_down_rows(path: Path) -> None:
    """Note the rows that this process reads."""
    original = SharedRows.__getitems__

    def noted(self: SharedRows, share: Share) -> Any:
        rows = share.rows if share.weight else []
        with path.open("a") as file:
            file.write(json.dumps(rows) + "\n")
        return original(self, share)

    SharedRows.__getitems__ = noted  # type: ignore[method-assign]


def count_events(kill_at: int | None, notes: Path | None) -> None:
    """Note every file that is about to be flushed, every step and every pair scored; die at one of them."""
    count = [0]

    def event(*_: Any, **__: Any) -> None:
        if count[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        count[0] += 1
        if notes is not None:
            with (notes / "events").open("a") as file:
                file.write("event\n")

    for owner, name in (
        (checkpoints, "_to_disk"),
        (checkpoints.shutil, "rmtree"),
        (Path, "rename"),
        (RerankTrainer, "compute_loss"),
        (RerankTrainer, "_save"),
        (RankingEvaluator, "__call__"),
        (CrossEncoder, "save_pretrained"),
    ):
        _before(owner, name, event)


def _before(owner: Any, name: str, event: Any) -> None:
    original = getattr(owner, name)

    def called(*args: Any, **settings: Any) -> Any:
        event()
        return original(*args, **settings)

    setattr(owner, name, called)


def main() -> None:
    """Train on records in a file."""
    parser = argparse.ArgumentParser()
    for name in ("data", "model", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--config", type=json.loads, default={})
    parser.add_argument("--imitate", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--notes", type=Path)
    given = parser.parse_args()
    hardware._cpu_has_bf16 = lambda: False
    data = given.data
    read = (
        RerankDataset.load(data)
        if data.suffix == ".jsonl"
        else RerankDataset.from_records(json.loads(data.read_text()))
    )
    split = read.split(val=12, test=12)
    engine = CrossEncoderFinetuneEngine(
        split.train,
        split.val,
        model_id=given.model,
        model_output_path=given.output,
        warm_start=imitation_lists(split.train[: given.imitate]) if given.imitate else None,
        config=FinetuneConfig(**given.config),
        device="cpu",
    )
    if given.notes:
        write_down_rows(given.notes / f"rows-{os.environ.get('RANK', '0')}.jsonl")
    count_events(int(os.environ["KILL_AT"]) if os.environ.get("KILL_AT") else None, given.notes)
    engine.finetune(resume=given.resume)


if __name__ == "__main__":
    main()
