"""What ``reranking.py`` and ``serving.py`` both measure on: a checkpoint in every form, and lists of candidates.

Imported by both; it is no benchmark itself.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MAX_LENGTH = 512
"""Longest pair in tokens, which is what upstream's reranker takes."""

LEAST_FOR_P95 = 20


@dataclass(frozen=True)
class RerankList:
    """A question with its candidates, best first."""

    data: str
    query: str
    passages: list[str]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(self.query, passage) for passage in self.passages]


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options of both benchmarks."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of a BEIR data set; the bundled handbook without it")
    parser.add_argument("--name", default="paragraphs", help="name of the data in the tables")
    parser.add_argument("--model", default="all-MiniLM-L6-v2", help="an exported checkpoint, or one to convert")
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--questions", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of one computation; what each library takes without it")
    return parser


def use_threads(threads: int | None) -> None:
    """Threads of this process and of those it starts; only before torch, ONNX Runtime or OpenVINO is loaded."""
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)


def heading(asked: argparse.Namespace, more: str = "") -> str:
    threads = os.environ.get("OMP_NUM_THREADS")
    counted = f"OMP_NUM_THREADS={threads}" if threads else "threads as each library takes them"
    return f"{asked.name_of_model}, {counted}, {os.cpu_count()} cores, {asked.rounds} rounds{more}."


def all_lists(asked: argparse.Namespace) -> list[RerankList]:
    lists = paragraphs(asked)
    return [*lists, *long_tailed(lists, asked)]


def paragraphs(asked: argparse.Namespace) -> list[RerankList]:
    """What BM25 finds for some questions; from a small corpus, two paragraphs joined at random stand behind it."""
    from llama_index_rerank_tuner import RerankDataset, load_handbook
    from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever

    dataset = RerankDataset.from_beir(asked.data) if asked.data else load_handbook()
    retriever, rng = BM25JiebaRetriever(dataset.nodes(), asked.candidates), random.Random(0)
    texts = [passage.text for passage in dataset.corpus]
    questions = [example.query for example in dataset.examples]
    lists = []
    for query in rng.sample(questions, min(asked.questions, len(questions))):
        found = [each.get_content() for each in retriever.retrieve(query)]
        joined = ["\n".join(rng.choices(texts, k=2)) for _ in range(asked.candidates - len(found))]
        lists.append(RerankList(asked.name, query, found + joined))
    return lists


def long_tailed(lists: Sequence[RerankList], asked: argparse.Namespace) -> list[RerankList]:
    """The same questions over passages of 20 words and more: most are short, a few longer than the model reads."""
    rng = random.Random(0)
    words = " ".join(passage for each in lists for passage in each.passages).split()

    def passage() -> str:
        return " ".join(rng.choices(words, k=min(600, int(20 * rng.paretovariate(0.8)))))

    return [RerankList("long-tailed", each.query, [passage() for _ in range(asked.candidates)]) for each in lists]


def converted(model: str, folder: Path) -> str:
    """A checkpoint with its ONNX and OpenVINO files; a copy where it has none. What cannot be made is printed."""
    from transformers import set_seed

    from llama_index_rerank_tuner.deployment.export import export_onnx, export_openvino
    from llama_index_rerank_tuner.deployment.quantize import quantize_onnx
    from llama_index_rerank_tuner.errors import RerankTunerError
    from llama_index_rerank_tuner.reranking.backends import load_cross_encoder
    from llama_index_rerank_tuner.training.model.backbone import has_reranking_head

    if (Path(model) / "onnx").is_dir() and (Path(model) / "openvino").is_dir():
        return model
    has_head = has_reranking_head(model)
    if not has_head:
        print(f"{model} has no reranking head and gets a random one (seed 0): its order, and `1 - tau`, say nothing.")
    set_seed(0)
    load_cross_encoder(model, device="cpu", new_head=not has_head).save_pretrained(str(folder / "model"))
    for convert in (export_onnx, export_openvino, quantize_onnx):
        try:
            convert(folder / "model")
        except RerankTunerError as error:
            print(f"{convert.__name__}: {first_line(error)}")
    return str(folder / "model")


def first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def spread(seconds: Sequence[float], unit: str = "s") -> str:
    """Median and 95th percentile as two cells of a table; a dash for the second where there are too few."""
    scale, digits = (1000, 2) if unit == "ms" else (1, 3)
    median, p95 = np.quantile(seconds, [0.5, 0.95]) * scale
    tail = f"{p95:.{digits}f} {unit}" if len(seconds) >= LEAST_FOR_P95 else "—"
    return f"{median:.{digits}f} {unit} | {tail}"
