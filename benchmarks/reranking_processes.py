"""A process for each side of ``reranking.py``, which tells what its reranking took; it is no benchmark itself."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from reranking_inputs import RerankList, first_line

REST = 0.05
"""Seconds between two sides' turns: threads of a computation that has ended may still spin for a moment."""

Prepared: TypeAlias = Callable[[], list[float]]
"""What is timed: reranks a list, and returns the scores in the order of its passages."""

Prepare: TypeAlias = Callable[[RerankList], Prepared]
"""Brings a list into the form that a side takes."""


class Process:
    """A side in a process of its own; ready, or refused, once ``answer`` has been called.

    Args:
        load: Loads the side, in its process.
        device: ``cpu`` or ``cuda``: which memory it tells.
    """

    def __init__(self, load: Callable[[], Prepare], device: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=work, args=(load, device, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def answer(self) -> Any:
        """None once loaded; of a list the seconds, scores and peak memory so far; a sentence where it failed."""
        try:
            return self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            return f"its process ended with exit code {self._process.exitcode}"

    def rerank(self, given: RerankList) -> Any:
        time.sleep(REST)
        with suppress(OSError):  # it has ended; the answer says how
            self._pipe.send(given)
        return self.answer()

    def end(self) -> None:
        self._pipe.close()
        self._process.join()


def work(load: Callable[[], Prepare], device: str, pipe: Any) -> None:
    try:
        prepare = load()
        pipe.send(None)
        while (given := received(pipe)) is not None:
            rerank = prepare(given)
            started = time.perf_counter()
            scores = rerank()
            seconds = time.perf_counter() - started
            pipe.send((seconds, [float(each) for each in scores], peak_memory(device)))
    except Exception as error:  # of whatever library: the table gives it as the reason
        pipe.send(first_line(error))


def received(pipe: Any) -> RerankList | None:
    try:
        given: RerankList = pipe.recv()
    except EOFError:
        return None
    return given


def peak_memory(device: str) -> float:
    """MB that this process, or torch on the GPU, has held at most; NaN where the system does not tell.

    Not ``getrusage``: on Linux its peak is at least what the parent process held when it started this one.
    """
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), float("nan"))
