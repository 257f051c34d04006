"""What it takes to rerank: LlamaIndex's reranker as shipped, ``predict`` tuned by hand, and each backend of ours.

    python benchmarks/reranking.py [--data BEIR_DIR] [--model CHECKPOINT] [--candidates 100] [--questions 5]
                                   [--rounds 3] [--callers 1 8 32] [--calls 96] [--served onnx:fp32] [--threads N]

All sides score the same lists of the same checkpoint: paragraphs that BM25 finds for the questions (``--data``, a BEIR
folder such as QASPER's; the bundled handbook without it), and a synthetic set whose lengths have a long tail. Each side
has a process of its own, which tells its peak memory; they take turns, list by list. ``1 - tau`` beside a speed is how
far a side's order is from fp32's (Kendall's tau-b over a list, mean over the lists). A checkpoint that has no ONNX or
OpenVINO files is copied and converted first; the copy is thrown away. What cannot run here prints "not measured".

Then one backend (``--served``) under callers that each rerank ten candidates at a time, with and without the queue, and
with caches: a list that is scored a second time. Redis is the ``redis-server`` on the path, on a port of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

CANDIDATES_A_CALL, MAX_LENGTH = 10, 512


@dataclass(frozen=True)
class Side:
    """One way to rerank: a backend and precision of ours, or one of upstream's two ways."""

    name: str
    backend: str = ""
    precision: str = ""
    device: str = "cpu"


@dataclass(frozen=True)
class RerankList:
    """A question with its candidates, best first."""

    data: str
    query: str
    passages: list[str]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(self.query, passage) for passage in self.passages]


@dataclass
class Measured:
    seconds: dict[str, list[float]] = field(default_factory=dict)
    scores: dict[int, list[float]] = field(default_factory=dict)
    peak: float = 0.0
    refused: str = ""


SHIPPED, PREDICT, REFERENCE = "`SentenceTransformerRerank` as shipped", "`CrossEncoder.predict`, batch 4", "torch fp32"
SIDES = [
    Side(SHIPPED),
    Side(PREDICT),
    *(
        Side(f"{backend} {precision}", backend, precision)
        for backend, precision in (
            ("torch", "fp32"),
            ("torch", "bf16"),
            ("onnx", "fp32"),
            ("onnx", "int8"),
            ("openvino", "fp32"),
            ("openvino", "bf16"),
        )
    ),
    Side("torch fp32, GPU", "torch", "fp32", "cuda"),
    Side("torch fp16, GPU", "torch", "fp16", "cuda"),
    Side("torch bf16, GPU", "torch", "bf16", "cuda"),
]


def paragraphs(asked: argparse.Namespace) -> list[RerankList]:
    """What BM25 finds for some questions."""
    from llama_index_rerank_tuner import RerankDataset, load_handbook
    from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever

    dataset = RerankDataset.from_beir(asked.data) if asked.data else load_handbook()
    retriever = BM25JiebaRetriever(dataset.nodes(), asked.candidates)
    chosen = random.Random(0).sample([example.query for example in dataset.examples], asked.questions)
    return [RerankList(asked.name, query, [n.get_content() for n in retriever.retrieve(query)]) for query in chosen]


def long_tailed(lists: Sequence[RerankList], asked: argparse.Namespace) -> list[RerankList]:
    """The same questions over passages of 20 words and more: most are short, a few longer than the model reads."""
    rng = random.Random(0)
    words = " ".join(passage for each in lists for passage in each.passages).split()

    def passage() -> str:
        return " ".join(rng.choices(words, k=min(600, int(20 * rng.paretovariate(0.8)))))

    return [RerankList("long-tailed", each.query, [passage() for _ in range(asked.candidates)]) for each in lists]


def scorer_of(side: Side, model: str) -> Callable[[RerankList], Any]:
    """What a side does with a list; returns scores in the order of its passages."""
    if side.name == SHIPPED:
        return as_shipped(model)
    if side.name == PREDICT:
        from sentence_transformers import CrossEncoder
        from torch.nn import Identity

        predict = CrossEncoder(model, device="cpu", max_length=MAX_LENGTH).predict
        return lambda given: predict(given.pairs, batch_size=4, activation_fn=Identity(), show_progress_bar=False)
    from llama_index_rerank_tuner.reranking.backends import load_scorer

    scorer = load_scorer(model, side.backend, side.precision, device=side.device, max_length=MAX_LENGTH)
    return lambda given: scorer(given.pairs)


def as_shipped(model: str) -> Callable[[RerankList], Any]:
    from llama_index.core.schema import NodeWithScore, TextNode
    from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank

    reranker = SentenceTransformerRerank(model=model, top_n=10**9, device="cpu")

    def rerank(given: RerankList) -> list[float]:
        nodes = [NodeWithScore(node=TextNode(id_=str(at), text=text)) for at, text in enumerate(given.passages)]
        ranked = reranker.postprocess_nodes(nodes, query_str=given.query)
        return [score for _, score in sorted((int(each.node.node_id), each.score) for each in ranked)]

    return rerank


def work(side: Side, model: str, threads: int | None, pipe: Any) -> None:
    """A side's process: scores what it is sent, and tells how long it took."""
    try:
        import torch

        if threads:
            torch.set_num_threads(threads)
        score = scorer_of(side, model)
    except Exception as error:
        return pipe.send(str(error).splitlines()[0])
    pipe.send(None)
    while (given := pipe.recv()) is not None:
        started = time.perf_counter()
        scores = [float(each) for each in score(given)]
        seconds = time.perf_counter() - started
        pipe.send((seconds, scores, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def measure(sides: Sequence[Side], lists: Sequence[RerankList], asked: argparse.Namespace) -> dict[str, Measured]:
    """Every side over every list, in turns; the first round warms up and does not count."""
    spawn, measured, pipes = multiprocessing.get_context("spawn"), {side.name: Measured() for side in sides}, {}
    for side in sides:
        pipes[side.name], theirs = spawn.Pipe()
        spawn.Process(target=work, args=(side, asked.model, asked.threads, theirs), daemon=True).start()
    for name, pipe in pipes.items():
        measured[name].refused = pipe.recv() or ""
    running = {name: pipe for name, pipe in pipes.items() if not measured[name].refused}
    for turn in range(asked.rounds + 1):
        for number, given in enumerate(lists if turn else lists[:1]):
            for name, pipe in running.items():
                pipe.send(given)
                seconds, measured[name].scores[number], measured[name].peak = pipe.recv()
                if turn:
                    measured[name].seconds.setdefault(given.data, []).append(seconds)
    for pipe in running.values():
        pipe.send(None)
    return measured


def agreement(side: Measured, reference: Measured, numbers: Sequence[int]) -> float:
    from scipy.stats import kendalltau

    return statistics.mean(float(kendalltau(side.scores[i], reference.scores[i]).statistic) for i in numbers)


def table(measured: dict[str, Measured], lists: Sequence[RerankList]) -> None:
    for data in dict.fromkeys(each.data for each in lists):
        numbers = [number for number, each in enumerate(lists) if each.data == data]
        nodes = statistics.mean(len(lists[number].passages) for number in numbers)
        print(f"\n{data}: {len(numbers)} questions, {nodes:.0f} candidates each\n")
        print("| side | median | p95 | times as shipped | nodes a second | peak memory | 1 - tau |")
        print("|---|---|---|---|---|---|---|")
        shipped = statistics.median(measured[SHIPPED].seconds[data])
        for name, side in measured.items():
            if side.refused:
                print(f"| {name} | not measured ({side.refused}) | | | | | |")
                continue
            median, p95 = np.quantile(side.seconds[data], [0.5, 0.95])
            far = 1 - agreement(side, measured[REFERENCE], numbers)
            print(
                f"| {name} | {median:.3f} s | {p95:.3f} s | {shipped / median:.2f} | {nodes / median:,.0f} | "
                f"{side.peak:,.0f} MB | {far:.3f} |"
            )


def served(asked: argparse.Namespace) -> Any:
    from llama_index_rerank_tuner.reranking.backends import load_scorer

    backend, precision = asked.served.split(":")
    return load_scorer(asked.model, backend, precision, device="cpu", max_length=MAX_LENGTH)


def callers(lists: Sequence[RerankList], asked: argparse.Namespace) -> None:
    """Many callers of ten candidates each; each caller's calls follow one another."""
    from llama_index_rerank_tuner.reranking.queue import QueuedScorer

    scorer = served(asked)
    pairs = [pair for each in lists for pair in each.pairs]
    tens = [pairs[start : start + CANDIDATES_A_CALL] for start in range(0, len(pairs), CANDIDATES_A_CALL)]
    print(f"\n{scorer.backend.name}, {asked.calls} calls of {CANDIDATES_A_CALL} candidates\n")
    print("| callers | queue | calls a second | median | p95 | slowest caller's mean / mean of all |")
    print("|---|---|---|---|---|---|")
    for count in asked.callers:
        for queued in (False, True):
            with closing(QueuedScorer(scorer)) as line:
                print(
                    f"| {count} | {'yes' if queued else 'no'} | {crowd(line if queued else scorer, tens, count, asked)}"
                )


def crowd(scorer: Any, tens: Sequence[Any], count: int, asked: argparse.Namespace) -> str:
    each = max(1, asked.calls // count)

    def caller(number: int) -> list[float]:
        seconds = []
        for ten in islice(cycle(tens), number * each, (number + 1) * each):
            started = time.perf_counter()
            scorer(ten)
            seconds.append(time.perf_counter() - started)
        return seconds

    started = time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        waits = list(pool.map(caller, range(count)))
    wall = time.perf_counter() - started
    every = [seconds for wait in waits for seconds in wait]
    slowest = max(statistics.mean(wait) for wait in waits) / statistics.mean(every)
    median, p95 = np.quantile(every, [0.5, 0.95])
    return f"{len(every) / wall:.2f} | {median * 1000:.0f} ms | {p95 * 1000:.0f} ms | {slowest:.2f} |"


def cached(given: RerankList, asked: argparse.Namespace, folder: Path) -> None:
    from llama_index_rerank_tuner.reranking.cache import (
        CachedScorer,
        MemoryCache,
        RedisCache,
        SqliteCache,
        score_namespace,
    )

    scorer, socket = served(asked), folder / "redis.sock"
    server = redis_server(socket)
    caches: dict[str, Callable[[], Any]] = {"memory": MemoryCache, "SQLite": lambda: SqliteCache(folder / "scores.db")}
    if server is not None:
        caches["Redis"] = lambda: RedisCache(f"unix://{socket}")
    started = time.perf_counter()
    expected = scorer(given.pairs)
    computing = time.perf_counter() - started
    print(f"\n{len(given.pairs)} candidates scored before; computing them takes {computing:.3f} s\n")
    print("| cache | median | p95 | times faster |\n|---|---|---|---|")
    for name, cache in caches.items():
        remembering = CachedScorer(scorer, cache(), namespace=score_namespace("benchmark", name, {}))
        with closing(remembering):
            remembering(given.pairs)
            time.sleep(0.5)  # it is written in the background
            seconds = [lookup(remembering, given, expected) for _ in range(200)]
        median, p95 = np.quantile(seconds, [0.5, 0.95])
        print(f"| {name} | {median * 1000:.2f} ms | {p95 * 1000:.2f} ms | {computing / median:,.0f} |")
    if server is None:
        print("| Redis | not measured (no redis-server on the path) | | |")
    else:
        server.terminate()
        server.wait()


def lookup(scorer: Any, given: RerankList, expected: Any) -> float:
    started = time.perf_counter()
    scores = scorer(given.pairs)
    seconds = time.perf_counter() - started
    if not np.allclose(scores, expected, atol=1e-5):
        raise RuntimeError("the cache gave other scores")
    return seconds


def redis_server(socket: Path) -> subprocess.Popen[bytes] | None:
    if shutil.which("redis-server") is None:
        return None
    command = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not socket.exists():
        time.sleep(0.05)
    return server


def converted(model: str, folder: Path) -> str:
    """A checkpoint with its ONNX and OpenVINO files; a copy where it has none."""
    from llama_index_rerank_tuner.deployment.export import export_onnx, export_openvino
    from llama_index_rerank_tuner.deployment.quantize import quantize_onnx
    from llama_index_rerank_tuner.reranking.backends import load_cross_encoder
    from llama_index_rerank_tuner.training.model.backbone import has_reranking_head

    if (Path(model) / "onnx").is_dir() and (Path(model) / "openvino").is_dir():
        return model
    loaded = load_cross_encoder(model, device="cpu", new_head=not has_reranking_head(model))
    loaded.save_pretrained(str(folder / "model"))
    for convert in (export_onnx, export_openvino, quantize_onnx):
        convert(folder / "model")
    return str(folder / "model")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of a BEIR data set; the bundled handbook without it")
    parser.add_argument("--name", default="paragraphs", help="name of the data in the table")
    parser.add_argument("--model", default="all-MiniLM-L6-v2", help="an exported checkpoint, or one to convert")
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--questions", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--callers", type=int, nargs="*", default=[1, 8, 32])
    parser.add_argument("--calls", type=int, default=96, help="calls of all callers together")
    parser.add_argument("--served", default="onnx:fp32", help="backend and precision for callers and caches")
    parser.add_argument("--sides", nargs="*", help="names of the sides to measure; all without it")
    parser.add_argument("--threads", type=int)
    return parser.parse_args()


def main() -> None:
    asked = parsed()
    with tempfile.TemporaryDirectory() as scratch:
        asked.model = converted(asked.model, Path(scratch))
        lists = paragraphs(asked)
        lists += long_tailed(lists, asked)
        sides = [side for side in SIDES if not asked.sides or side.name in (*asked.sides, SHIPPED, REFERENCE)]
        table(measure(sides, lists, asked), lists)
        if asked.callers:
            callers(lists, asked)
        cached(lists[0], asked, Path(scratch))


if __name__ == "__main__":
    main()
