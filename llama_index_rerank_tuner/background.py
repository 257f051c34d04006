"""Running asynchronous work from ordinary code, inside and outside of a running event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")

_starting = threading.Lock()
_running: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None


def run_in_background(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run a coroutine on the package's own event loop and wait for its result.

    The loop lives in one thread for as long as the process does: an asynchronous client keeps its connections
    bound to the loop it first saw, so a new loop for every call would break it. Not to be called from that loop.

    Args:
        work: The coroutine; cancelled when waiting for it is interrupted (Ctrl-C).
    """
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _loop() -> asyncio.AbstractEventLoop:
    global _running
    with _starting:
        # After a fork the child has the loop's object without its thread.
        if _running is None or not _running[1].is_alive():
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="rerank-tuner-background", daemon=True)
            thread.start()
            _running = (loop, thread)
        return _running[0]
