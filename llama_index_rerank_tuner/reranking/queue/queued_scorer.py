"""``QueuedScorer``: many callers, one scorer, micro-batches across them."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, RerankTunerError
from llama_index_rerank_tuner.protocols import Scorer
from llama_index_rerank_tuner.reranking.queue.cancelling import current_cancellation
from llama_index_rerank_tuner.reranking.queue.line import Line
from llama_index_rerank_tuner.reranking.queue.requests import Pair, Request
from llama_index_rerank_tuner.reranking.queue.worker import Worker


class QueuedScorer:
    """Lets many threads and tasks share a scorer that does best with one caller and full batches.

    Calls wait in one line. A single thread, started by the first call, takes from it micro-batches across callers
    and scores each in one call of the scorer. A caller alone never waits for others: batches form while the one
    before is being scored. Only after a batch that answered several callers, who then come back together, does the
    thread wait for them, for at most ``max_wait`` and a tenth of the time that batch took.

    Calls are served in the order in which they came, those of more than ``max_pairs`` in turns with the others. An
    error of the scorer reaches the call whose pairs cause it and no other. A call that is given up (``cancel``,
    Ctrl-C, a cancelled task) is not scored any further. A copy, also one in another process, has a line of its own.

    Args:
        scorer: Called by one thread at a time.
        max_pairs: Most pairs of a micro-batch; a caller that comes meanwhile waits for it to end.
        max_wait: Longest wait for callers that were just answered, in seconds; 0 for none.
        max_queued_pairs: Most pairs that may wait; a call that finds more is refused. On an empty line a call of any
            size is taken.

    Raises:
        ConfigError: A number cannot work.

    Example:
        >>> class Length:
        ...     name = "length"
        ...     def __call__(self, pairs):
        ...         return np.array([float(len(passage)) for _, passage in pairs])
        >>> with QueuedScorer(Length()) as queued:
        ...     waiting = queued.submit([("q", "aaa")])
        ...     queued([("q", "aa"), ("q", "b")]).tolist(), waiting.result().tolist()
        ([2.0, 1.0], [3.0])
    """

    def __init__(
        self, scorer: Scorer, max_pairs: int = 128, max_wait: float = 0.002, max_queued_pairs: int = 10_000
    ) -> None:
        for name, value in (("max_pairs", max_pairs), ("max_queued_pairs", max_queued_pairs)):
            if value < 1:
                raise ConfigError(f"{name} must be a positive integer, got {value}.")
        if not 0 <= max_wait <= 1:
            raise ConfigError(f"max_wait must be 0 to 1 second, got {max_wait}.")
        self.scorer, self.max_wait = scorer, max_wait
        self._worker = Worker(scorer, Line(max_pairs, max_queued_pairs), max_wait)
        # The thread holds the worker, not this object: when this goes, the thread ends.
        weakref.finalize(self, self._worker.refuse).atexit = False

    @property
    def name(self) -> str:
        """Name of the wrapped scorer."""
        return self.scorer.name

    @property
    def waiting(self) -> int:
        """Number of pairs that wait to be scored."""
        return self._worker.waiting

    def __call__(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """Logits of ``n`` pairs, shape ``(n,)``.

        Raises:
            OverloadedError: Too much waits.
            RerankTunerError: The queue is closed.
            CancelledError: The task that waits for this call was cancelled (``call_in_thread``).
        """
        if self._worker.here:
            raise RerankTunerError(
                f"The queue of {self.name} was called from its own thread, where nobody could answer. In a callback "
                "or a scorer use submit, and do not wait for it."
            )
        request, cancellation = _request(pairs), current_cancellation.get()
        if cancellation is not None:
            cancellation.watch(request.future)
        try:
            self._add(request)
            return request.future.result()
        finally:
            # On Ctrl-C, or another error while waiting, nobody wants the scores any more.
            request.future.cancel()
            if cancellation is not None:
                cancellation.unwatch(request.future)

    def submit(self, pairs: Sequence[Pair]) -> Future[NDArray[np.float64]]:
        """Let pairs wait for their turn without waiting for them.

        Returns:
            The future logits. Until they are there it can be cancelled: what waits is then not scored.

        Raises:
            OverloadedError: Too much waits.
            RerankTunerError: The queue is closed.
        """
        request = _request(pairs)
        self._add(request)
        return request.future

    async def ascore(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """Logits of ``n`` pairs without a thread for the caller; raises as a call does."""
        return await asyncio.wrap_future(self.submit(pairs))

    def activate(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits as the wrapped scorer's checkpoint shows them; unchanged where it knows no such thing."""
        activation: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None
        activation = getattr(self.scorer, "activate", None)
        return logits if activation is None else activation(logits)

    def close(self, timeout: float | None = None) -> None:
        """Take no more calls and score those that wait.

        Args:
            timeout: Longest time to wait for that, in seconds; calls that had no turn by then get an error. None for
                as long as it takes.
        """
        self._worker.close(timeout)

    def __enter__(self) -> Self:
        """Use the queue until the block ends."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Score what waits, and close."""
        self.close()

    def _add(self, request: Request) -> None:
        if request.pairs:
            self._worker.add(request)
        else:
            request.accept(0, np.empty(0))

    def __reduce__(self) -> tuple[Any, ...]:
        line = self._worker.line
        return type(self), (self.scorer, line.max_pairs, self.max_wait, line.max_queued_pairs)


def _request(pairs: Sequence[Pair]) -> Request:
    return Request([(query, passage) for query, passage in pairs])
