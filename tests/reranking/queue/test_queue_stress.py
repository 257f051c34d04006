"""Threads and tasks on one queue at once: no wrong score, no lost call, no deadlock, memory flat."""

from __future__ import annotations

import asyncio
import gc
import random
import tracemalloc
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.reranking.queue import QueuedScorer, call_in_thread
from tests.reranking.queue.scorers import Pair, Recording, pairs_of, scores

CALLERS, CALLS, MOST = 64, 2000, 200
FLAT = 2_000_000
"""Bytes by which the second half of the calls may grow what is held; the calls' pairs alone are 20 times that."""


class Forgetful(Recording):
    """Remembers nothing, so that what the test holds does not grow."""

    def __call__(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        scored = super().__call__(pairs)
        self.batches.clear()
        return scored


def call_of(number: int) -> list[Pair]:
    rng = random.Random(number)
    pairs = pairs_of(f"{number} {'long ' * 10}", rng.randint(0, MOST))
    if pairs and number % 20 == 0:
        pairs[rng.randrange(len(pairs))] = ("query", "poison")
    return pairs


def outcome(queued: QueuedScorer, number: int) -> str:
    """What became of a call: ``right``, ``poisoned``, ``given up``, or ``wrong``."""
    pairs = call_of(number)
    future = queued.submit(pairs)
    if number % 7 == 0:
        future.cancel()
    try:
        return "right" if future.result().tolist() == scores(pairs) else "wrong"
    except CancelledError:
        return "given up"
    except ValueError:
        return "poisoned" if ("query", "poison") in pairs else "wrong"


def expected(number: int) -> set[str]:
    """A call that is given up may have been answered before."""
    answer = "poisoned" if ("query", "poison") in call_of(number) else "right"
    return {answer, "given up"} if number % 7 == 0 else {answer}


def run_calls(queued: QueuedScorer, threads: ThreadPoolExecutor, numbers: range) -> list[str]:
    async def tasks() -> list[str]:
        limit = asyncio.Semaphore(CALLERS)

        async def one(number: int) -> str:
            async with limit:
                return await call_in_thread(outcome, queued, number)

        return list(await asyncio.gather(*(one(number) for number in numbers[1::2])))

    in_threads = [threads.submit(outcome, queued, number) for number in numbers[::2]]
    in_tasks = asyncio.run(tasks())
    outcomes = dict(zip(numbers[::2], [each.result() for each in in_threads], strict=True))
    outcomes.update(zip(numbers[1::2], in_tasks, strict=True))
    return [outcomes[number] for number in numbers]


def test_threads_and_tasks_share_a_queue() -> None:
    queued = QueuedScorer(Forgetful(), max_pairs=100, max_queued_pairs=2 * CALLERS * MOST)
    with queued, ThreadPoolExecutor(CALLERS) as threads:
        first = run_calls(queued, threads, range(CALLS // 2))
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        second = run_calls(queued, threads, range(CALLS // 2, CALLS))
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    wrong = [number for number, got in enumerate(first + second) if got not in expected(number)]
    assert wrong == []
    assert {"right", "poisoned"} <= set(first + second)
    assert grown < FLAT
    assert queued.waiting == 0
