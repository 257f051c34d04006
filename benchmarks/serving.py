"""What serving adds to a backend: many callers with and without the queue, and caches that know the scores.

    python benchmarks/serving.py [--data BEIR_DIR] [--model CHECKPOINT] [--served onnx:fp32] [--device cpu]
                                 [--callers 1 8 32] [--calls 96] [--candidates 100] [--questions 10] [--rounds 3]
                                 [--threads N]

Callers rerank ten candidates a call, of the lists that ``reranking.py`` measures on; each caller's calls follow one
another. Rows take turns, round by round, after every call was made once. "slowest caller" is the largest mean wait of
a caller beside the mean of all: 1 is fair.

Caches: a list that is scored a second time, against computing it (median of five, after one to warm up). Redis is the
``redis-server`` on the path, on a socket of its own. What cannot run here prints "not measured". A checkpoint that has
no ONNX or OpenVINO files is copied and converted first; the copy is thrown away.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from reranking_inputs import (
    MAX_LENGTH,
    RerankList,
    all_lists,
    converted,
    first_line,
    heading,
    parser,
    spread,
    use_threads,
)

CANDIDATES_A_CALL, LOOKUPS, COMPUTED = 10, 200, 5
WRITTEN = 0.5
"""Seconds in which a cache's background writes are done."""


@dataclass
class Crowd:
    """What callers waited, over the rounds."""

    waits: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    unfairness: list[float] = field(default_factory=list)

    def add(self, waits: list[list[float]], wall: float) -> None:
        """One round: each caller's waits, and how long all took."""
        every = [seconds for wait in waits for seconds in wait]
        self.waits += every
        self.rates.append(len(every) / wall)
        self.unfairness.append(max(map(statistics.mean, waits)) / statistics.mean(every))

    def __str__(self) -> str:
        rate, unfairness = statistics.median(self.rates), statistics.median(self.unfairness)
        return f"{rate:.2f} | {spread(self.waits, 'ms')} | {unfairness:.2f} |"


def callers(scorer: Any, lists: Sequence[RerankList], asked: argparse.Namespace) -> None:
    """Many callers of ten candidates each, with the queue and without."""
    from llama_index_rerank_tuner.reranking.queue import QueuedScorer

    pairs = [pair for each in lists for pair in each.pairs]
    tens = [pairs[start : start + CANDIDATES_A_CALL] for start in range(0, len(pairs), CANDIDATES_A_CALL)]
    for ten in tens[: asked.calls]:
        scorer(ten)
    rows = {(count, queued): Crowd() for count in asked.callers for queued in (False, True)}
    for _ in range(asked.rounds):
        for (count, queued), crowd in rows.items():
            with QueuedScorer(scorer) if queued else nullcontext(scorer) as served:
                crowd.add(*one_round(served, tens, count, max(1, asked.calls // count)))
    print(f"\n{scorer.backend.name}, {asked.calls} calls of {CANDIDATES_A_CALL} candidates a round\n")
    print("| callers | queue | calls a second | median | p95 | slowest caller |\n|---|---|---|---|---|---|")
    for (count, queued), crowd in rows.items():
        print(f"| {count} | {'yes' if queued else 'no'} | {crowd}")


def one_round(scorer: Any, tens: Sequence[Any], count: int, calls: int) -> tuple[list[list[float]], float]:
    """Each caller's waits, and the wall clock of all."""

    def caller(number: int) -> list[float]:
        return [timed(scorer, ten)[0] for ten in islice(cycle(tens), number * calls, (number + 1) * calls)]

    started = time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        waits = list(pool.map(caller, range(count)))
    return waits, time.perf_counter() - started


def timed(scorer: Any, pairs: Any) -> tuple[float, Any]:
    started = time.perf_counter()
    scores = scorer(pairs)
    return time.perf_counter() - started, scores


def caches(scorer: Any, given: RerankList, folder: Path) -> None:
    """A list that each cache knows, against computing it."""
    from llama_index_rerank_tuner.reranking.cache import MemoryCache, RedisCache, SqliteCache

    expected = scorer(given.pairs)
    computing = statistics.median(timed(scorer, given.pairs)[0] for _ in range(COMPUTED))
    print(f"\n{len(given.pairs)} candidates scored before; computing them takes {computing:.3f} s\n")
    print("| cache | median | p95 | times faster |\n|---|---|---|---|")
    with redis_server(folder / "redis.sock") as url:
        opened: dict[str, Callable[[], Any]] = {
            "memory": MemoryCache,
            "SQLite": lambda: SqliteCache(folder / "scores.db"),
            "Redis": lambda: RedisCache(url()),
        }
        for name, cache in opened.items():
            try:
                seconds = lookups(scorer, cache(), name, given, expected)
            except Exception as error:
                print(f"| {name} | not measured ({first_line(error).rstrip('.')}) | | |")
                continue
            print(f"| {name} | {spread(seconds, 'ms')} | {computing / statistics.median(seconds):,.0f} |")


def lookups(scorer: Any, cache: Any, name: str, given: RerankList, expected: Any) -> list[float]:
    """Seconds of each of many calls that find every score in the cache."""
    from llama_index_rerank_tuner.reranking.cache import CachedScorer, score_namespace

    namespace = score_namespace("benchmark", name, {})
    with closing(CachedScorer(scorer, cache, namespace=namespace)) as filling:
        filling(given.pairs)
        time.sleep(WRITTEN)
        cached = CachedScorer(NothingLeft(), filling.caches, namespace=namespace)
        timings = [timed(cached, given.pairs) for _ in range(LOOKUPS)]
    if not all(np.allclose(scores, expected, atol=1e-5) for _, scores in timings):
        raise RuntimeError("the cache gave other scores")
    return [seconds for seconds, _ in timings]


class NothingLeft:
    """The scorer behind a full cache."""

    name = "nothing left to score"

    def __call__(self, pairs: Sequence[Any]) -> Any:
        raise RuntimeError(f"the cache did not know, or not in time, {len(pairs)} of the scores")


@contextmanager
def redis_server(socket: Path) -> Iterator[Callable[[], str]]:
    """A server for as long as the block runs; gives a function that returns its address, or raises if there is none."""
    path = shutil.which("redis-server")
    if path is None:
        yield no_redis
        return
    command = [path, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(socket.parent)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not socket.exists() and server.poll() is None:
        time.sleep(0.05)
    try:
        yield lambda: f"unix://{socket}"
    finally:
        server.terminate()
        server.wait()


def no_redis() -> str:
    raise RuntimeError("no redis-server on the path")


def parsed() -> argparse.Namespace:
    options = parser(__doc__)
    options.add_argument("--served", default="onnx:fp32", help="backend and precision")
    options.add_argument("--device", default="cpu")
    options.add_argument("--callers", type=int, nargs="*", default=[1, 8, 32], help="none leaves the first table out")
    options.add_argument("--calls", type=int, default=96, help="calls of all callers together")
    return options.parse_args()


def main() -> None:
    asked = parsed()
    use_threads(asked.threads)
    with tempfile.TemporaryDirectory() as scratch:
        asked.name_of_model, asked.model = asked.model, converted(asked.model, Path(scratch))
        from llama_index_rerank_tuner.reranking.backends import load_scorer

        backend, precision = asked.served.split(":")
        scorer = load_scorer(asked.model, backend, precision, device=asked.device, max_length=MAX_LENGTH)
        print(heading(asked, f", {asked.served} on {asked.device}"))
        lists = all_lists(asked)
        if asked.callers:
            callers(scorer, lists, asked)
        caches(scorer, lists[0], Path(scratch))


if __name__ == "__main__":
    main()
