"""The thread that takes micro-batches from the line, scores them, and answers the callers."""

from __future__ import annotations

import atexit
import logging
import os
import time
import weakref
from collections.abc import Sequence
from threading import Condition, Thread, current_thread

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import RerankTunerError, ScoreError
from llama_index_rerank_tuner.protocols import Scorer
from llama_index_rerank_tuner.reranking.queue.line import Line
from llama_index_rerank_tuner.reranking.queue.requests import Part, Request

WAIT_SHARE = 0.1
"""Largest part of a batch's time that is spent on waiting for its callers to come back."""
EXIT_SECONDS = 5.0
"""How long the interpreter's exit waits for the batch that is being scored."""

logger = logging.getLogger(__name__)
_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


class Worker:
    """Scores what stands in a line, on a thread that lives from the first request until ``close``.

    Args:
        scorer: Called by one thread at a time, with at most ``line.max_pairs`` pairs.
        line: Who waits.
        max_wait: Longest wait for callers that were just answered, in seconds.
    """

    def __init__(self, scorer: Scorer, line: Line, max_wait: float) -> None:
        self.scorer, self.line, self.max_wait = scorer, line, max_wait
        self.closed = False
        self._thread: Thread | None = None
        self._changed = Condition()
        self._in_hand: list[Part] = []
        self._answered, self._wait_until = 0, 0.0
        _workers.add(self)

    @property
    def here(self) -> bool:
        """Whether this is the worker's own thread."""
        return self._thread is current_thread()

    @property
    def waiting(self) -> int:
        """Number of pairs that wait and that somebody still wants."""
        with self._changed:
            self.line.sweep()
            return self.line.pairs

    def add(self, request: Request) -> None:
        """Let a request wait for its turn.

        Raises:
            OverloadedError: Too much waits.
            RerankTunerError: The worker is closed.
        """
        with self._changed:
            if self.closed:
                raise RerankTunerError(
                    f"The queue of {self.scorer.name} is closed and takes no more calls: make a new reranker."
                )
            self.line.add(request)
            if self._thread is None:
                self._start()
            self._changed.notify_all()

    def close(self, timeout: float | None = None) -> None:
        """Take no more requests, score those that wait, and end the thread; what is left at the timeout gets an error.

        Args:
            timeout: Longest time to wait, in seconds; None for as long as it takes.
        """
        self.refuse()
        thread = self._thread
        if thread is None or thread is current_thread():
            return
        thread.join(timeout)
        if thread.is_alive():
            self._fail(RerankTunerError(f"The queue of {self.scorer.name} was closed before this call had its turn."))

    def refuse(self) -> None:
        """Take no more requests; the thread ends when those that wait are scored."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def after_fork(self) -> None:
        """Start anew in a child process, where the thread and the callers of the parent are not."""
        self._thread, self._changed, self._in_hand, self._answered = None, Condition(), [], 0
        self.line.clear()

    def _start(self) -> None:
        self._thread = Thread(target=self._run, name="rerank-tuner-queue", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._thread = None
            self._fail(error)

    def _run(self) -> None:
        try:
            while self._serve():
                pass
        except BaseException as error:
            # Not the scorer's errors, which go to their callers. Whoever waits must hear of it; the next call starts
            # a new thread.
            logger.exception("The queue of %s broke off.", self.scorer.name)
            broken = RerankTunerError(f"The queue of {self.scorer.name} broke off ({error!r}). Try again.")
            broken.__cause__ = error
            with self._changed:
                self._thread = None
                in_hand, self._in_hand = self._in_hand, []
            self._fail(broken, in_hand)

    def _serve(self) -> bool:
        """Score one batch; False when the worker is closed and nobody waits."""
        with self._changed:
            self._gather()
            self._in_hand = self.line.take()
            if not self._in_hand:
                self._thread = None if self.closed else self._thread
                return not self.closed
        started = time.monotonic()
        self._score(self._in_hand)
        ended = time.monotonic()
        self._answered = sum(part.request.over for part in self._in_hand)
        self._wait_until = ended + min(self.max_wait, WAIT_SHARE * (ended - started))
        self._in_hand = []
        return True

    def _gather(self) -> None:
        """Wait for a request, and for others only where they are likely to come at once.

        A batch forms by itself while the one before is scored. Only when a batch answered several callers do they
        all come back in the same instant, and the first of them would be scored alone: then, and only within a
        moment of that batch's end, the worker waits for as many as it answered.
        """
        while not (len(self.line) or self.closed):
            self._changed.wait()
        if self._answered > 1:
            self._changed.wait_for(self._enough, self._wait_until - time.monotonic())

    def _enough(self) -> bool:
        return self.closed or len(self.line) >= self._answered or self.line.pairs >= self.line.max_pairs

    def _score(self, parts: Sequence[Part]) -> None:
        """Score parts together, or each alone where together they fail: an error reaches only the call it is of."""
        try:
            scores = self._scores(parts)
        except BaseException as error:
            if len(parts) == 1:
                parts[0].request.fail(error)
                return
        else:
            for part in parts:
                part.request.accept(part.start, scores[: len(part)])
                scores = scores[len(part) :]
            return
        for part in parts:
            self._score([part])

    def _scores(self, parts: Sequence[Part]) -> NDArray[np.float64]:
        """Scores of all pairs of the parts, in order; a pair that occurs twice is scored once."""
        pairs = [pair for part in parts for pair in part.pairs]
        places = {pair: place for place, pair in enumerate(dict.fromkeys(pairs))}
        scores = np.asarray(self.scorer(list(places)), dtype=np.float64)
        if scores.shape != (len(places),):
            raise ScoreError(f"{self.scorer.name} gave scores of shape {scores.shape} for {len(places)} passages.")
        return scores[[places[pair] for pair in pairs]]

    def _fail(self, error: BaseException, parts: Sequence[Part] = ()) -> None:
        with self._changed:
            waiting = self.line.clear()
        for request in [*(part.request for part in parts), *waiting]:
            request.fail(error)


def _restart_after_fork() -> None:
    for worker in list(_workers):
        worker.after_fork()


def _stop_at_exit() -> None:
    """Let no thread be inside a model while the interpreter is taken down."""
    for worker in list(_workers):
        worker.refuse()
        worker._fail(RerankTunerError("The interpreter exits."))
        worker.close(EXIT_SECONDS)


atexit.register(_stop_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart_after_fork)
