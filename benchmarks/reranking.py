"""What it takes to rerank: LlamaIndex's reranker as shipped, ``predict`` tuned by hand, and each backend of ours.

    python benchmarks/reranking.py [--data BEIR_DIR] [--model CHECKPOINT] [--candidates 100] [--questions 10]
                                   [--rounds 3] [--sides NAME ...] [--threads N]

    python benchmarks/reranking.py --candidates 1000 --questions 5 --rounds 4

All sides score the same lists of the same checkpoint: paragraphs that BM25 finds for the questions (``--data``, a BEIR
folder such as QASPER's; the bundled handbook without it, whose 120 passages are filled up with pairs of them), and a
synthetic set whose lengths have a long tail. Upstream's reranker and ours are timed in ``postprocess_nodes``, as users
call them, ours with ``mix=None``; ``predict`` is handed the pairs. A checkpoint that has no ONNX or OpenVINO files is
copied and converted first; the copy is thrown away. What cannot run here prints "not measured".

Each side has a process of its own, fresh for each set of lists; they take turns, list by list, while the others wait.
Every list is scored once before anything is timed. p95 is over all timings of a side, and left out below 20 of them.
"times as shipped" divides by upstream's reranker on the same device. Peak memory is the process's largest resident
size, loading included, and on a GPU what torch allocated there. ``1 - tau`` beside a speed is how far a side's order
is from that of torch fp32 on the CPU (Kendall's tau-b over a list, mean over the lists). The ONNX and
OpenVINO sides hold torch as well, which transformers loads along with the tokenizer.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from reranking_inputs import MAX_LENGTH, RerankList, all_lists, converted, heading, parser, spread, use_threads
from reranking_processes import Prepare, Prepared, Process

PREDICT_BATCH = {"cpu": 4, "cuda": 128}


def as_shipped(side: Side, model: str) -> Prepare:
    from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank

    return by_passage(SentenceTransformerRerank(model=model, top_n=10**9, device=side.device))


def predict_by_hand(side: Side, model: str) -> Prepare:
    from sentence_transformers import CrossEncoder
    from torch.nn import Identity

    predict = CrossEncoder(model, device=side.device, max_length=MAX_LENGTH).predict
    settings = {"batch_size": PREDICT_BATCH[side.device], "activation_fn": Identity(), "show_progress_bar": False}

    def prepare(given: RerankList) -> Prepared:
        pairs = given.pairs
        return lambda: predict(pairs, **settings).tolist()

    return prepare


def ours(side: Side, model: str) -> Prepare:
    from llama_index_rerank_tuner import FinetunedRerank, TextContract

    backend, precision = side.name.removesuffix(", GPU").split()
    settings = {"backend": backend, "precision": precision, "device": side.device}
    return by_passage(
        FinetunedRerank(model, top_n=10**9, mix=None, contract=TextContract(max_length=MAX_LENGTH), **settings)
    )


def by_passage(reranker: Any) -> Prepare:
    """Nodes are made beforehand, anew for each call; the scores come in the order of the passages."""
    from llama_index.core.schema import NodeWithScore, TextNode

    def prepare(given: RerankList) -> Prepared:
        nodes = [NodeWithScore(node=TextNode(id_=str(at), text=text)) for at, text in enumerate(given.passages)]

        def rerank() -> list[float]:
            ranked = reranker.postprocess_nodes(nodes, query_str=given.query)
            return [score for _, score in sorted((int(each.node.node_id), each.score) for each in ranked)]

        return rerank

    return prepare


@dataclass(frozen=True)
class Side:
    """One way to rerank."""

    name: str
    load: Callable[[Side, str], Prepare] = ours
    device: str = "cpu"


@dataclass
class Measured:
    """Of one side on one set of lists: seconds, scores by the number of the list, and the most memory in MB."""

    seconds: list[float] = field(default_factory=list)
    scores: dict[int, list[float]] = field(default_factory=dict)
    peak: float = 0.0
    refused: str = ""


SHIPPED, PREDICT, REFERENCE = "`SentenceTransformerRerank` as shipped", "`CrossEncoder.predict`, batch", "torch fp32"
SIDES = [
    Side(SHIPPED, as_shipped),
    Side(f"{PREDICT} {PREDICT_BATCH['cpu']}", predict_by_hand),
    *map(Side, (REFERENCE, "torch bf16", "onnx fp32", "onnx int8", "openvino fp32", "openvino bf16")),
    Side(f"{SHIPPED}, GPU", as_shipped, "cuda"),
    Side(f"{PREDICT} {PREDICT_BATCH['cuda']}, GPU", predict_by_hand, "cuda"),
    *(Side(f"torch {precision}, GPU", device="cuda") for precision in ("fp32", "fp16", "bf16")),
]


def measure(sides: Sequence[Side], lists: Sequence[RerankList], asked: argparse.Namespace) -> dict[str, Measured]:
    """Every side over every list, in turns; the first round warms up and is not timed."""
    measured, processes = {side.name: Measured() for side in sides}, {}
    try:
        for side in sides:
            processes[side.name] = Process(partial(side.load, side, asked.model), side.device)
            measured[side.name].refused = processes[side.name].answer() or ""
        for turn in range(asked.rounds + 1):
            for number, given in enumerate(lists):
                for name, figures in measured.items():
                    if not figures.refused:
                        add(processes[name].rerank(given), number, figures, timed=turn > 0)
    finally:
        for process in processes.values():
            process.end()
    return measured


def add(answer: Any, number: int, figures: Measured, timed: bool) -> None:
    if isinstance(answer, str):
        figures.refused = answer
        return
    seconds, figures.scores[number], figures.peak = answer
    if timed:
        figures.seconds.append(seconds)


def table(sides: Sequence[Side], lists: Sequence[RerankList], measured: dict[str, Measured]) -> None:
    nodes = statistics.mean(len(each.passages) for each in lists)
    print(f"\n{lists[0].data}: {len(lists)} questions, {nodes:.0f} candidates each\n")
    print("| side | median | p95 | times as shipped | nodes a second | peak memory | 1 - tau |")
    print("|---|---|---|---|---|---|---|")
    for side in sides:
        figures, shipped = measured[side.name], measured[shipped_on(side.device)]
        if figures.refused:
            print(f"| {side.name} | not measured ({figures.refused.rstrip('.')}) | | | | | |")
            continue
        median = statistics.median(figures.seconds)
        times = "—" if shipped.refused else f"{statistics.median(shipped.seconds) / median:.2f}"
        print(
            f"| {side.name} | {spread(figures.seconds)} | {times} | {nodes / median:,.0f} | {figures.peak:,.0f} MB | "
            f"{disagreement(figures, measured[REFERENCE])} |",
            flush=True,
        )


def shipped_on(device: str) -> str:
    return next(side.name for side in SIDES if side.load is as_shipped and side.device == device)


def disagreement(side: Measured, reference: Measured) -> str:
    from scipy.stats import kendalltau

    if reference.refused:
        return "—"
    taus = [float(kendalltau(side.scores[number], scores).statistic) for number, scores in reference.scores.items()]
    return f"{1 - statistics.mean(taus):.3f}"


def parsed() -> argparse.Namespace:
    options = parser(__doc__)
    names = [side.name for side in SIDES]
    options.add_argument("--sides", nargs="*", choices=names, help="those to measure, beside what they are compared to")
    return options.parse_args()


def main() -> None:
    asked = parsed()
    use_threads(asked.threads)
    chosen = [side for side in SIDES if not asked.sides or side.name in asked.sides]
    wanted = {side.name for side in chosen} | {shipped_on(side.device) for side in chosen} | {REFERENCE}
    sides = [side for side in SIDES if side.name in wanted]
    with tempfile.TemporaryDirectory() as scratch:
        asked.name_of_model, asked.model = asked.model, converted(asked.model, Path(scratch))
        print(heading(asked))
        lists = all_lists(asked)
        for data in dict.fromkeys(each.data for each in lists):
            of_data = [each for each in lists if each.data == data]
            table(sides, of_data, measure(sides, of_data, asked))


if __name__ == "__main__":
    main()
