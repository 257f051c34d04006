"""Training speed on a CPU: ``CrossEncoderTrainer`` as it comes, in fp32 and bf16, against this package's preparation.

    python benchmarks/cpu_training.py

All sides train the same all-MiniLM-L6-v2 on the same lists (16 pairs a step, 256 tokens at most; passages of one to
four handbook paragraphs, so that lengths differ as in real data), round by round in turn. Upstream trains its
``ListNetLoss`` on the unprepared model. The table gives the median of the rounds in pairs a second, their range, and
the ratio to upstream in bf16.
"""

from __future__ import annotations

import random
import statistics
import time
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

from llama_index_rerank_tuner import FinetuneConfig, load_handbook
from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator
from llama_index_rerank_tuner.reranking.backends import load_cross_encoder
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
from llama_index_rerank_tuner.training import fitting
from llama_index_rerank_tuner.training.fitting import fit
from llama_index_rerank_tuner.training.hardware import CPU_MAX_LENGTH, TrainingHardware
from llama_index_rerank_tuner.training.lists import TrainingRows, labelled_rows

ROUNDS, LISTS = 5, 24


def training_rows() -> TrainingRows:
    handbook = load_handbook()
    nodes = handbook.nodes()
    mined = HardNegativeDatasetGenerator(nodes, BM25JiebaRetriever(nodes, 30)).generate(handbook[:LISTS])
    rows = labelled_rows(mined.examples, mined.contract, "listwise")
    rng, paragraphs = random.Random(0), [node.text for node in nodes]
    for row in rows.rows:
        row["docs"] = ["\n".join([text, *rng.sample(paragraphs, rng.randrange(4))]) for text in row["docs"]]
    return rows


def upstreams_loss(model: Any, training: TrainingRows, hardware: TrainingHardware) -> Any:
    from sentence_transformers.cross_encoder.losses import ListNetLoss

    return ListNetLoss(model, mini_batch_size=-1)


def pairs_per_second(rows: TrainingRows, bf16: bool, ours: bool) -> float:
    model = load_cross_encoder("all-MiniLM-L6-v2", device="cpu", max_length=CPU_MAX_LENGTH, new_head=True)
    hardware = TrainingHardware("cpu", bf16=bf16)
    loss = nullcontext() if ours else patch.object(fitting, "_loss", upstreams_loss)
    with hardware.prepared(model) if ours else nullcontext(), loss:
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
