"""What it takes to find hard negatives: rank-bm25, bm25s and this package on the same corpus, queries and k.

    python benchmarks/mining.py [--passages 10000 50000 200000] [--languages en zh] [--queries 200] [--k 50]
                                [--rounds 5] [--dense MODEL]

The corpus (passages of about 120 terms, queries of 4 to 12) is made from a fixed seed, its terms drawn by Zipf's law;
Chinese terms come from jieba's own dictionary, so that jieba has to find them again. Each side runs in a process of its
own, one after the other, on one thread, and reads the same terms; its peak memory is that process's, terms included.
Times of the lexical sides are processor seconds, which a busy machine disturbs less. A time per query is the median
over the rounds of the mean over the queries; rank-bm25's is over a few queries, because it is slow. Every side's scores
are compared with rank-bm25's on those. ``--dense`` compares sentence-transformers' ``mine_hard_negatives`` with
``DenseRetriever`` on the same model instead.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

SAMPLED = 5
"""Queries that rank-bm25's loop is asked."""

VOCABULARY = 60_000
DENSE_SIDES = ["sentence-transformers", "this package, dense"]
Terms = list[list[str]]


def english_words(rng: random.Random) -> list[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ("".join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(2 * VOCABULARY))
    return list(dict.fromkeys(words))[:VOCABULARY]


def chinese_words() -> list[str]:
    """jieba's words by their frequency in it, the most frequent first."""
    import jieba

    jieba.initialize()
    words = [word for word in jieba.dt.FREQ if all("\u4e00" <= character <= "\u9fff" for character in word)]
    return sorted(words, key=lambda word: -jieba.dt.FREQ[word])[:VOCABULARY]


def make(folder: Path, language: str, passages: int, queries: int) -> None:
    """Write raw passages and queries, and their terms as this package cuts them."""
    from llama_index_rerank_tuner.retrieval.segmenting import segment_all

    rng = random.Random(0)
    words = english_words(rng) if language == "en" else chinese_words()
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    join = " ".join if language == "en" else "".join

    def text(low: int, high: int) -> str:
        return join(rng.choices(words, cum_weights=weights, k=rng.randint(low, high)))

    for name, texts in (
        ("passages", [text(80, 160) for _ in range(passages)]),
        ("queries", [text(4, 12) for _ in range(queries)]),
    ):
        (folder / f"{name}.txt").write_text("\n".join(texts), encoding="utf-8")
        lines = (" ".join(terms) for terms in segment_all(texts))
        (folder / f"{name}.terms").write_text("\n".join(lines), encoding="utf-8")


def read_terms(folder: Path, name: str) -> Terms:
    return [line.split() for line in (folder / f"{name}.terms").read_text(encoding="utf-8").split("\n")]


def read_texts(folder: Path, name: str) -> list[str]:
    return (folder / f"{name}.txt").read_text(encoding="utf-8").split("\n")


def seconds(step: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> tuple[float, Any]:
    started = clock()
    result = step()
    return clock() - started, result


def peak() -> float:
    """Peak memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rank_bm25(corpus: Terms, queries: Terms, k: int) -> tuple[Callable[[], Any], Callable[[Any, Terms], Any]]:
    import numpy as np
    from rank_bm25 import BM25Okapi

    def search(index: Any, asked: Terms) -> Any:
        found = [index.get_scores(terms) for terms in asked]
        ids = np.array([np.argsort(-scores, kind="stable")[:k] for scores in found])
        return ids, np.array([scores[best] for scores, best in zip(found, ids, strict=True)])

    return lambda: BM25Okapi(corpus), search


def bm25s(corpus: Terms, queries: Terms, k: int) -> tuple[Callable[[], Any], Callable[[Any, Terms], Any]]:
    import bm25s as library

    def build() -> Any:
        index = library.BM25(method="atire", k1=1.5, b=0.75)
        index.index(corpus, show_progress=False)
        return index

    return build, lambda index, asked: tuple(index.retrieve(asked, k=k, show_progress=False))


def this_package(corpus: Terms, queries: Terms, k: int) -> tuple[Callable[[], Any], Callable[[Any, Terms], Any]]:
    from llama_index_rerank_tuner.retrieval.okapi import OkapiIndex

    return lambda: OkapiIndex(corpus), lambda index, asked: tuple(index.search(asked, k))


LEXICAL_SIDES = {"rank-bm25": rank_bm25, "bm25s": bm25s, "this package": this_package}


def measure_lexical(side: str, folder: Path, k: int, rounds: int) -> dict[str, Any]:
    corpus, queries = read_terms(folder, "passages"), read_terms(folder, "queries")
    build, search = LEXICAL_SIDES[side](corpus, queries, k)
    before = peak()
    build_time, index = seconds(build)
    asked = queries[:SAMPLED] if side == "rank-bm25" else queries
    search(index, asked[:2])
    times = [seconds(lambda: search(index, asked))[0] / len(asked) for _ in range(rounds)]
    ids, scores = search(index, queries[:SAMPLED])
    return {
        "build": build_time,
        "query": statistics.median(times),
        "fastest": min(times),
        "peak": peak(),
        "before": before,
        "ids": ids.tolist(),
        "scores": scores.tolist(),
    }


def measure_nodes(folder: Path, k: int, rounds: int) -> dict[str, Any]:
    """The whole of ``BM25JiebaRetriever``: text in, node objects out, jieba on the queries among it."""
    from llama_index.core.schema import TextNode

    from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever

    nodes = [TextNode(text=text) for text in read_texts(folder, "passages")]
    queries = read_texts(folder, "queries")
    before = peak()
    build_time, retriever = seconds(lambda: BM25JiebaRetriever(nodes, k, processes=1))
    retriever.retrieve_batch(queries[:2])
    times = [seconds(lambda: retriever.retrieve_batch(queries))[0] / len(queries) for _ in range(rounds)]
    return {
        "build": build_time,
        "query": statistics.median(times),
        "fastest": min(times),
        "peak": peak(),
        "before": before,
    }


def measure_segmentation(folder: Path, most: int) -> dict[str, Any]:
    """Characters a second (of the clock on the wall), over the passages up to ``most`` characters."""
    import jieba

    from llama_index_rerank_tuner.retrieval.segmenting import segment_all

    texts, size = [], 0
    for text in read_texts(folder, "passages"):
        if size >= most:
            break
        texts.append(text)
        size += len(text)
    jieba.initialize()
    with tempfile.TemporaryDirectory() as cache:
        steps: list[tuple[str, Callable[[], Any]]] = [
            ("`jieba.cut`", lambda: [list(jieba.cut(text)) for text in texts]),
            ("this package, one process", lambda: list(segment_all(texts, processes=1))),
            ("this package, a process a core", lambda: list(segment_all(texts, processes=os.cpu_count()))),
            ("this package, filling its cache", lambda: list(segment_all(texts, cache, processes=1))),
            ("this package, from its cache", lambda: list(segment_all(texts, cache))),
        ]
        return {name: size / seconds(step, time.perf_counter)[0] for name, step in steps}


def measure_dense(side: str, folder: Path, model: str, k: int) -> dict[str, Any]:
    """Embed and search once; both are most of the time, and both sides pay for both."""
    passages, queries = read_texts(folder, "passages"), read_texts(folder, "queries")
    from llama_index_rerank_tuner.models import resolve_model

    before = peak()
    if side == "sentence-transformers":
        from datasets import Dataset
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.util import mine_hard_negatives

        pairs = Dataset.from_dict({"query": queries, "positive": passages[: len(queries)]})
        encoder = SentenceTransformer(resolve_model(model))

        def mine() -> list[list[str]]:
            mined = mine_hard_negatives(
                pairs,
                encoder,
                corpus=passages,
                num_negatives=k,
                sampling_strategy="top",
                batch_size=32,
                output_format="n-tuple",
                verbose=False,
            )
            return [[row[f"negative_{rank}"] for rank in range(1, k + 1)] for row in mined]
    else:
        from llama_index.core.schema import TextNode

        from llama_index_rerank_tuner.retrieval import DenseRetriever, sentence_encoder

        nodes = [TextNode(text=text) for text in passages]
        encode = sentence_encoder(model)

        def mine() -> list[list[str]]:
            found = DenseRetriever(nodes, encode, k + 1).search(queries).ids.tolist()
            return [[passages[i] for i in ids if i != row][:k] for row, ids in enumerate(found)]

    whole, negatives = seconds(mine, time.perf_counter)
    return {"build": whole, "peak": peak(), "before": before, "negatives": negatives}


def in_a_process(*arguments: str) -> Any:
    """Run this file for one side, on one thread."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    command = [sys.executable, __file__, "--side", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **threads})
    return json.loads(done.stdout.splitlines()[-1])


def agreement(side: dict[str, Any], reference: dict[str, Any]) -> str:
    """Whether the top k is rank-bm25's, and how far the scores are off."""
    pairs = list(zip(side["scores"], reference["scores"], strict=True))
    furthest = max(abs(a - b) for ours, theirs in pairs for a, b in zip(ours, theirs, strict=True))
    same = side["ids"] == reference["ids"]
    return f"{'identical' if same else 'not identical'}, scores within {furthest:.0e}" if furthest else "identical"


def compare_lexical(folder: Path, language: str, passages: int, k: int, rounds: int) -> None:
    sides = {name: in_a_process(name, str(folder), str(k), str(rounds)) for name in LEXICAL_SIDES}
    nodes = in_a_process("nodes", str(folder), str(k), str(rounds))
    loop = sides["rank-bm25"]
    for name, side in sides.items():
        row = [
            f"{language} {passages:,}",
            name,
            f"{side['build']:.2f}",
            f"{side['query'] * 1000:.3f}",
            f"{side['fastest'] * 1000:.3f}",
            f"{loop['query'] / side['query']:,.0f}",
            f"{side['before']:,.0f}",
            f"{side['peak']:,.0f}",
            agreement(side, loop),
        ]
        print("| " + " | ".join(row) + " |", flush=True)
    print(
        f"| {language} {passages:,} | this package, text to nodes | {nodes['build']:.2f} | {nodes['query'] * 1000:.3f} "
        f"| {nodes['fastest'] * 1000:.3f} | {loop['query'] / nodes['query']:,.0f} | {nodes['before']:,.0f} "
        f"| {nodes['peak']:,.0f} | |",
        flush=True,
    )


def compare_dense(folder: Path, language: str, passages: int, model: str, k: int) -> None:
    sides = {name: in_a_process(name, str(folder), str(k), "1", model) for name in DENSE_SIDES}
    theirs, ours = (sides[name]["negatives"] for name in DENSE_SIDES)
    shared = statistics.mean(len(set(a) & set(b)) / k for a, b in zip(theirs, ours, strict=True))
    for name, side in sides.items():
        print(f"| {language} {passages:,} | {name} | {side['build']:.1f} | {side['peak']:,.0f} | {shared:.1%} |")


def run_side(arguments: Sequence[str]) -> None:
    side, folder, *rest = arguments
    path = Path(folder)
    if side == "make":
        make(path, rest[0], int(rest[1]), int(rest[2]))
        print("{}")
    elif side == "segmentation":
        print(json.dumps(measure_segmentation(path, int(rest[0]))))
    elif side == "nodes":
        print(json.dumps(measure_nodes(path, int(rest[0]), int(rest[1]))))
    elif side in DENSE_SIDES:
        print(json.dumps(measure_dense(side, path, rest[2], int(rest[0]))))
    else:
        print(json.dumps(measure_lexical(side, path, int(rest[0]), int(rest[1]))))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passages", type=int, nargs="+", default=[10_000, 50_000, 200_000])
    parser.add_argument("--languages", nargs="+", choices=["en", "zh"], default=["en", "zh"])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--cutting", type=int, default=2_000_000, help="characters that the segmentation is timed on")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dense", metavar="MODEL", help="a sentence-transformers model, such as all-MiniLM-L6-v2")
    return parser.parse_args()


def main() -> None:
    if sys.argv[1:2] == ["--side"]:
        run_side(sys.argv[2:])
        return
    options = parsed()
    cutting: list[tuple[str, dict[str, float]]] = []
    if options.dense:
        print("| corpus | side | embed and search s | peak MiB | same negatives |\n|---|---|---|---|---|")
    else:
        print(
            "| corpus | side | index s | ms a query | fastest round | times rank-bm25 | MiB before | peak MiB "
            f"| top {options.k} against rank-bm25 |\n|---|---|---|---|---|---|---|---|---|"
        )
    for language in options.languages:
        for passages in options.passages:
            with tempfile.TemporaryDirectory() as folder:
                in_a_process("make", folder, language, str(passages), str(options.queries))
                if options.dense:
                    compare_dense(Path(folder), language, passages, options.dense, options.k)
                    continue
                compare_lexical(Path(folder), language, passages, options.k, options.rounds)
                if language == "zh":
                    cutting.append((f"{passages:,}", in_a_process("segmentation", folder, str(options.cutting))))
    if cutting:
        print("\n| Chinese passages | cut by | characters a second |\n|---|---|---|")
        for passages, speeds in cutting:
            for name, speed in speeds.items():
                print(f"| {passages} | {name} | {speed:,.0f} |")


if __name__ == "__main__":
    main()
