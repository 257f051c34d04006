"""Running blocking work for an asyncio task so that cancelling the task reaches what the work has in a queue."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import partial
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from llama_index_rerank_tuner.errors import OverloadedError

ParamT = ParamSpec("ParamT")
ResultT = TypeVar("ResultT")

MAX_THREADS = 64
"""Calls that run at once; they mostly wait for the queue. asyncio's own pool has 6 threads on two cores."""
MAX_CALLS = 1024
"""Calls that run or wait for a thread."""


class Cancellation:
    """What a caller has in queues, wherever below it that was put there, so that all of it can be given up."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._cancelled = False
        self._futures: set[Future[Any]] = set()

    def watch(self, future: Future[Any]) -> None:
        """Cancel the future when the caller gives up, or now when it has."""
        with self._lock:
            cancelled = self._cancelled
            if not cancelled:
                self._futures.add(future)
        if cancelled:
            future.cancel()

    def unwatch(self, future: Future[Any]) -> None:
        """Leave the future alone from now on."""
        with self._lock:
            self._futures.discard(future)

    def cancel(self) -> None:
        """Give up all that is watched, and what comes later."""
        with self._lock:
            self._cancelled = True
            futures = list(self._futures)
        for future in futures:
            future.cancel()


current_cancellation: ContextVar[Cancellation | None] = ContextVar("current_cancellation", default=None)
"""The cancellation of the call that runs in this thread or task."""


async def call_in_thread(
    function: Callable[ParamT, ResultT], /, *args: ParamT.args, **kwargs: ParamT.kwargs
) -> ResultT:
    """Run a blocking function in a thread, as ``asyncio.to_thread`` does, and pass a cancellation on to the queue.

    When the awaiting task is cancelled, what the function has waiting in a ``QueuedScorer`` is dropped and not
    scored, through whatever layers it was put there; the function then ends with ``CancelledError`` by itself.

    Args:
        function: Called with the arguments, in a copy of the task's context.
        args: Its positional arguments.
        kwargs: Its keyword arguments.

    Raises:
        OverloadedError: Too many calls run already.

    Example:
        >>> asyncio.run(call_in_thread(sorted, [3, 1, 2]))
        [1, 2, 3]
    """
    cancellation = Cancellation()
    context = copy_context()
    context.run(current_cancellation.set, cancellation)
    call = _pool.submit(partial(context.run, function, *args, **kwargs))
    try:
        return await asyncio.wrap_future(call)
    except asyncio.CancelledError:
        cancellation.cancel()
        raise


class _Pool:
    """The threads for all calls, started as they are needed; a child process gets its own."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock, self._calls = Lock(), 0
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="rerank-tuner-call")

    def submit(self, call: Callable[[], ResultT]) -> Future[ResultT]:
        with self._lock:
            if self._calls >= MAX_CALLS:
                raise OverloadedError(
                    f"{self._calls} reranking calls are running or waiting, the most that may. Try again later, or "
                    "send fewer at once."
                )
            self._calls += 1
        try:
            future = self._threads.submit(call)
        except BaseException:
            self._ended()
            raise
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _: object = None) -> None:
        with self._lock:
            self._calls -= 1


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.reset)
