"""Threads and tasks on one reranker, with a queue and a Redis server that is killed and restarted under them."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from llama_index.core.schema import NodeWithScore, TextNode
from numpy.typing import NDArray

from llama_index_rerank_tuner.reranking import FinetunedRerank
from llama_index_rerank_tuner.reranking.cache import CachedScorer, RedisCache
from llama_index_rerank_tuner.reranking.cache.degrading import DegradingCache
from llama_index_rerank_tuner.reranking.queue import QueuedScorer
from tests.reranking.queue.scorers import Pair, score
from tests.reranking.redis_server import RedisServer

CALLERS, CALLS, MOST = 64, 2000, 200
FLAT = 8_000_000
"""Bytes by which the second half of the calls may grow what is held; the nodes they return are over 10 times that."""
PATIENCE = 60.0
TEXTS = [f"passage {number}" for number in range(400)]
Ranked = list[tuple[str, float]]


class StandIn:
    """Scores by the texts alone, and counts."""

    name = "models/stand-in"

    def __init__(self) -> None:
        self.scored = 0

    def __call__(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        self.scored += len(pairs)
        return np.array([score(pair) for pair in pairs])


@pytest.fixture
def scorer() -> StandIn:
    return StandIn()


@pytest.fixture
def reranker(scorer: StandIn, redis_server: RedisServer) -> Iterator[FinetunedRerank]:
    with QueuedScorer(scorer, max_queued_pairs=2 * CALLERS * MOST) as queued:
        # Patient: 128 callers of one interpreter wait for one another longer than Redis needs.
        cache = DegradingCache(RedisCache(redis_server.url, timeout=10), patience=10, longest_pause=0.2)
        cached = CachedScorer(queued, cache, namespace=b"stand-in")
        yield FinetunedRerank("m", top_n=MOST, scorer=cached)
        cached.close()


def call_of(number: int) -> tuple[str, list[str]]:
    """The query and the passages, 0 to 200 of them, of a call."""
    rng = random.Random(number)
    return f"query {rng.randrange(30)}", rng.sample(TEXTS, rng.randint(0, MOST))


def expected(number: int) -> Ranked:
    query, texts = call_of(number)
    return sorted(((text, score((query, text))) for text in texts), key=lambda found: -found[1])


NODES = {text: NodeWithScore(node=TextNode(id_=text, text=text), score=0.5) for text in TEXTS}


def found(texts: Sequence[str]) -> list[NodeWithScore]:
    """All calls share the nodes, as those of a docstore are shared."""
    return [NODES[text] for text in texts]


def ranked(nodes: Sequence[NodeWithScore]) -> Ranked:
    return [(each.node.get_content(), each.get_score()) for each in nodes]


class Turbulence:
    """Does to the server what is due when so many calls are over."""

    def __init__(self, due: dict[int, Callable[[], None]]) -> None:
        self._due, self._calls = due, itertools.count(1)

    def after_a_call(self) -> None:
        self._due.get(next(self._calls), lambda: None)()


def wrong_calls(reranker: FinetunedRerank, numbers: range, turbulence: Turbulence) -> list[int]:
    """Run the calls, half of them in threads and half in tasks, and give those that were answered otherwise."""

    def in_thread(number: int) -> bool:
        query, texts = call_of(number)
        right = ranked(reranker.postprocess_nodes(found(texts), query_str=query)) == expected(number)
        turbulence.after_a_call()
        return right

    async def in_tasks(numbers: range) -> list[bool]:
        limit = asyncio.Semaphore(CALLERS)

        async def one(number: int) -> bool:
            query, texts = call_of(number)
            async with limit:
                answer = await reranker.apostprocess_nodes(found(texts), query_str=query)
            turbulence.after_a_call()
            return ranked(answer) == expected(number)

        return list(await asyncio.gather(*(one(number) for number in numbers)))

    with ThreadPoolExecutor(CALLERS) as threads:
        threaded = threads.map(in_thread, numbers[::2])
        rights = [*zip(numbers[1::2], asyncio.run(in_tasks(numbers[1::2])), strict=True)]
        rights += zip(numbers[::2], threaded, strict=True)
    assert len(rights) == len(numbers)
    return [number for number, right in rights if not right]


@pytest.mark.slow
def test_no_wrong_score_and_no_lost_call_while_redis_is_killed_and_restarted_twice(
    reranker: FinetunedRerank, scorer: StandIn, redis_server: RedisServer
) -> None:
    kill, start = redis_server.kill, redis_server.start
    calm_then_killed = Turbulence({CALLS // 4: kill, CALLS * 3 // 8: start})
    killed_again = Turbulence({CALLS // 8: kill, CALLS // 4: start})
    with warnings.catch_warnings(record=True, action="always") as given:
        wrong = wrong_calls(reranker, range(CALLS // 2), calm_then_killed)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        wrong += wrong_calls(reranker, range(CALLS // 2, CALLS), killed_again)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        scored = scorer.scored
        used_again = until_redis_answers(reranker, scorer)
    assert wrong == []
    assert all(each.score == 0.5 and each.node.metadata == {} for each in NODES.values())
    assert grown < FLAT
    assert scored < 0.95 * sum(len(call_of(number)[1]) for number in range(CALLS)), "Redis answered nothing"
    assert used_again
    assert len([each for each in given if "The score cache" in str(each.message)]) == 1


def until_redis_answers(reranker: FinetunedRerank, scorer: StandIn) -> bool:
    """Whether, after a while, a call is answered by Redis alone."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        before = scorer.scored
        reranker.postprocess_nodes(found(TEXTS[:5]), query_str="again")
        if scorer.scored == before:
            return True
        time.sleep(0.05)
    return False
