"""A few threads that do the waiting, so that a caller can stop waiting."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")
Job = tuple[Callable[[], Any], "Future[Any]"]


class Workers:
    """Runs jobs in daemon threads that start when there is work, and end when there is none for a while.

    A job that hangs holds one thread and no caller; there are never more than ``threads``. After a fork the child
    starts threads of its own.

    Args:
        name: Name of the threads.
        threads: Most threads.
        waiting: Most jobs that wait for one.
        idle: Seconds without work after which a thread ends.
    """

    def __init__(self, name: str, threads: int, waiting: int, idle: float = 5.0) -> None:
        self._name, self._threads, self._waiting, self._idle_time = name, threads, waiting, idle
        self.closed = False
        self._begin()

    def submit(self, job: Callable[[], ResultT]) -> Future[ResultT] | None:
        """Have a job done, the oldest first; None where too many wait, or after ``close``."""
        if self._process != os.getpid():
            self._begin()
        future: Future[ResultT] = Future()
        with self._lock:
            if self.closed:
                return None
            try:
                self._jobs.put_nowait((job, future))
            except Full:
                return None
            if self._idle < self._jobs.qsize() and self._alive < self._threads:
                self._start_thread()
        return future

    def close(self) -> None:
        """Take no more jobs, and let the threads end once those that wait are done."""
        with self._lock:
            self.closed = True
            for _ in range(min(self._alive, self._jobs.maxsize - self._jobs.qsize())):
                self._jobs.put_nowait(None)

    def _start_thread(self) -> None:
        self._alive += 1
        try:
            Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:  # the machine has no thread left: the job waits for the next that can be started
            self._alive -= 1

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = Lock()
        self._jobs: Queue[Job | None] = Queue(self._waiting)
        self._alive = self._idle = 0

    def _work(self) -> None:
        while (job := self._next()) is not None:
            run, future = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(run())
                except BaseException as error:
                    future.set_exception(error)
            # The thread waits for its next job without holding on to what this one held.
            del job, run, future

    def _next(self) -> Job | None:
        """The next job; None where the thread shall end."""
        with self._lock:
            self._idle += 1
        try:
            job = self._jobs.get(timeout=self._idle_time)
        except Empty:
            job = None
        with self._lock:
            self._idle -= 1
            if job is None and not self.closed and not self._jobs.empty():
                job = self._jobs.get_nowait()
            if job is None:
                self._alive -= 1
        return job
