"""Tasks that share a queue, and what their cancellation reaches."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError

import numpy as np
import pytest
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import OverloadedError
from llama_index_rerank_tuner.reranking.queue import QueuedScorer, call_in_thread, cancelling
from tests.reranking.queue.scorers import PATIENCE, Gated, Pair, Recording, pairs_of, scores


async def until_waiting(queued: QueuedScorer, pairs: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while queued.waiting != pairs:
            await asyncio.sleep(0)


def test_many_tasks_get_exactly_their_scores() -> None:
    async def all_of_them(queued: QueuedScorer) -> list[list[float]]:
        threads = [call_in_thread(queued, pairs_of(caller, caller)) for caller in range(40)]
        alone = [queued.ascore(pairs_of(caller, caller)) for caller in range(40)]
        return [each.tolist() for each in await asyncio.gather(*threads, *alone)]

    with QueuedScorer(Recording(), max_pairs=50) as queued:
        assert asyncio.run(all_of_them(queued)) == [scores(pairs_of(caller, caller)) for caller in range(40)] * 2


def test_a_cancelled_task_gives_up_what_it_has_in_the_queue_through_the_layers_between() -> None:
    scorer = Gated()
    ended: list[BaseException] = []
    over = threading.Event()

    def layer_between(queued: QueuedScorer, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        try:
            return queued(pairs)
        except CancelledError as error:
            ended.append(error)
            raise
        finally:
            over.set()

    async def cancelled(queued: QueuedScorer) -> None:
        task = asyncio.create_task(call_in_thread(layer_between, queued, pairs_of("b", 5)))
        await until_waiting(queued, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert queued.waiting == 0

    with QueuedScorer(scorer) as queued:
        first = queued.submit(pairs_of("a", 1))
        scorer.until_batch()
        asyncio.run(cancelled(queued))
        scorer.let_through()
        assert first.result(PATIENCE).tolist() == scores(pairs_of("a", 1))
        assert over.wait(PATIENCE)
    assert len(ended) == 1
    assert scorer.batches == [pairs_of("a", 1)]


def test_a_task_that_times_out_gives_up_its_pairs() -> None:
    async def timed_out(queued: QueuedScorer) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queued.ascore(pairs_of("b", 5)), 0.01)
        assert queued.waiting == 0

    scorer = Gated()
    with QueuedScorer(scorer) as queued:
        queued.submit(pairs_of("a", 1))
        scorer.until_batch()
        asyncio.run(timed_out(queued))
        scorer.let_through()


def test_what_is_put_into_the_queue_after_the_cancellation_is_given_up_too() -> None:
    """The task is cancelled while a layer between, a slow cache say, is at work."""
    at_work, go_on, over = threading.Event(), threading.Event(), threading.Event()
    scorer = Recording()

    def slow_layer(queued: QueuedScorer) -> None:
        at_work.set()
        go_on.wait(PATIENCE)
        try:
            queued(pairs_of("late", 2))
        finally:
            over.set()

    async def cancelled(queued: QueuedScorer) -> None:
        task = asyncio.create_task(call_in_thread(slow_layer, queued))
        while not at_work.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with QueuedScorer(scorer) as queued:
        asyncio.run(cancelled(queued))
        go_on.set()
        assert over.wait(PATIENCE)
    assert scorer.batches == []


def test_a_call_sees_the_context_of_its_task_and_raises_its_error() -> None:
    tenant = contextvars.ContextVar[str]("tenant")

    async def in_context() -> str:
        tenant.set("acme")
        return await call_in_thread(tenant.get)

    assert asyncio.run(in_context()) == "acme"
    with pytest.raises(ZeroDivisionError):
        asyncio.run(call_in_thread(divmod, 1, 0))


def test_more_calls_than_may_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "MAX_CALLS", 2)
    go_on = threading.Event()

    async def three() -> list[object]:
        calls = [asyncio.create_task(call_in_thread(go_on.wait, PATIENCE)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="2 reranking calls are running or waiting"):
            await call_in_thread(go_on.wait, PATIENCE)
        go_on.set()
        return [*await asyncio.gather(*calls), await call_in_thread(go_on.wait, PATIENCE)]

    assert asyncio.run(three()) == [True, True, True]
