"""What the benchmark itself costs: time for each question and contestant beside the reranker's own, and memory.

    python benchmarks/benchmark_overhead.py [--questions 1000] [--candidates 100] [--contestants 4] [--journal]

The candidates are made up, 100 words each. Every contestant is a stub that shuffles them, and what its postprocessing
takes is not counted; the rest is: building nodes, LlamaIndex's ``RetrieverEvaluator``, metrics. Statistics run after
that, and are timed for themselves: the table with all intervals, and a verdict. Beside the time that passed stands the
processor time, which other work on the machine leaves alone. ``--journal`` writes every answer to the disk. Peak memory
is the process's largest resident size, and beside it what it was before the benchmark.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path
from time import perf_counter, process_time

from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.evaluation import RerankBenchmark
from llama_index_rerank_tuner.evaluation.cost import peak_memory_mb
from llama_index_rerank_tuner.evaluation.report import benchmark_table
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved

WORDS, DOCUMENTS = 100, 50
VOCABULARY = [f"word{number}" for number in range(5000)]


class Shuffling(BaseNodePostprocessor):
    """Scores nodes at random."""

    seed: int
    processor: float = 0.0

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        start = process_time()
        draw = random.Random(f"{self.seed}{query_bundle}")
        scored = [NodeWithScore(node=each.node, score=draw.random()) for each in nodes]
        scored.sort(key=lambda each: -(each.score or 0.0))
        self.processor += process_time() - start
        return scored


def made_up(questions: int, candidates: int) -> RerankDataset:
    draw = random.Random(0)
    corpus = [
        Passage(" ".join(draw.choices(VOCABULARY, k=WORDS)), f"p{number}", group=f"d{number % DOCUMENTS}")
        for number in range(10 * candidates)
    ]
    return RerankDataset.build([question(number, draw.sample(corpus, candidates)) for number in range(questions)])


def question(number: int, found: list[Passage]) -> RerankExample:
    placed = [
        Passage(each.text, each.node_id, group=each.group, retrieved={"made up": Retrieved(rank, 1 / rank)})
        for rank, each in enumerate(found, start=1)
    ]
    relevant = Passage(found[number % len(found)].text, found[number % len(found)].node_id, label=1.0)
    return RerankExample(f"q{number}", f"question {number}?", (relevant,), (), tuple(placed), f"d{number % DOCUMENTS}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--contestants", type=int, default=4, help="the retriever's order among them")
    parser.add_argument("--journal", action="store_true", help="remember every answer on the disk")
    given = parser.parse_args()
    dataset, before = made_up(given.questions, given.candidates), peak_memory_mb()
    stubs = {f"stub {number}": Shuffling(seed=number) for number in range(1, given.contestants)}
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.jsonl" if given.journal else None
        start, started = perf_counter(), process_time()
        result = RerankBenchmark(dataset, stubs, journal=journal).run()
        whole, worked = perf_counter() - start, process_time() - started
    answers = given.questions * given.contestants
    overhead = (whole - sum(sum(each.values()) for each in result.seconds.values())) / answers
    processor = (worked - sum(each.processor for each in stubs.values())) / answers
    start = perf_counter()
    benchmark_table(result)
    table = perf_counter() - start
    start = perf_counter()
    result.verdict("stub 1", ["retriever"])
    verdict = perf_counter() - start
    columns = ["questions", "candidates", "contestants", "journal", "overhead ms", "processor ms", "table s"]
    columns += ["verdict s", "MiB"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    print(
        f"| {given.questions} | {given.candidates} | {given.contestants} | {'yes' if given.journal else 'no'} "
        f"| {1000 * overhead:.2f} | {1000 * processor:.2f} | {table:.1f} | {verdict:.2f} "
        f"| {peak_memory_mb():.0f} (before {before:.0f}) |"
    )


if __name__ == "__main__":
    main()
