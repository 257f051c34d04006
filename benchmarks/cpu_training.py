"""Training speed on a CPU: ``CrossEncoderTrainer`` as it comes, in fp32 and bf16, against this package's preparation.

    python benchmarks/cpu_training.py

All sides train the same all-MiniLM-L6-v2 on the same handbook lists (16 pairs a step, 128 tokens at most), round by
round in turn; the table gives the median of the rounds in pairs a second, their range, and the ratio to plain bf16.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from llama_index_rerank_tuner import FinetuneConfig, load_handbook
from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator
from llama_index_rerank_tuner.reranking.backends import load_cross_encoder
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
from llama_index_rerank_tuner.training.fitting import fit
from llama_index_rerank_tuner.training.hardware import CPU_TRAIN_LENGTH, TrainingHardware
from llama_index_rerank_tuner.training.lists import TrainingRows, labelled_rows

ROUNDS, LISTS = 5, 24


def training_rows() -> TrainingRows:
    handbook = load_handbook()
    nodes = handbook.nodes()
    mined = HardNegativeDatasetGenerator(nodes, BM25JiebaRetriever(nodes, 30)).generate(handbook[:LISTS])
    return labelled_rows(mined.examples, mined.contract, "listwise")


@contextmanager
def only_shortened(model: Any) -> Iterator[None]:
    model.max_seq_length = CPU_TRAIN_LENGTH
    yield


def pairs_per_second(rows: TrainingRows, bf16: bool, prepared: bool) -> float:
    model = load_cross_encoder("all-MiniLM-L6-v2", device="cpu", new_head=True)
    hardware = TrainingHardware("cpu", bf16=bf16)
    setting = hardware.prepared(model, CPU_TRAIN_LENGTH) if prepared else only_shortened(model)
    with setting or nullcontext():
        started = time.perf_counter()
        fit(model, rows, FinetuneConfig(), hardware, epochs=1, learning_rate=1e-5)
        return rows.pairs / (time.perf_counter() - started)


def main() -> None:
    rows = training_rows()
    sides = {
        "CrossEncoderTrainer, fp32": (False, False),
        "CrossEncoderTrainer, bf16": (True, False),
        "llama-index-rerank-tuner, fp32": (False, True),
        "llama-index-rerank-tuner, bf16": (True, True),
    }
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, (bf16, prepared) in sides.items():
            speeds[name].append(pairs_per_second(rows, bf16, prepared))
    reference = statistics.median(speeds["CrossEncoderTrainer, bf16"])
    print(f"| {ROUNDS} rounds of {rows.pairs} pairs | pairs a second | range | ratio |\n|---|---|---|---|")
    for name, measured in speeds.items():
        median = statistics.median(measured)
        print(f"| {name} | {median:.1f} | {min(measured):.1f} to {max(measured):.1f} | {median / reference:.2f} |")


if __name__ == "__main__":
    main()
