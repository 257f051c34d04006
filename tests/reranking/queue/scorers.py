"""Stand-in scorers: one that tells what it was asked, one that waits at a gate."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from threading import Lock, Semaphore

import numpy as np
from numpy.typing import NDArray

Pair = tuple[str, str]
PATIENCE = 20.0
"""Seconds after which a test that waits in vain gives up."""


def score(pair: Pair) -> float:
    return zlib.crc32("\t".join(pair).encode()) / 1000


def scores(pairs: Sequence[Pair]) -> list[float]:
    return [score(pair) for pair in pairs]


def pairs_of(caller: object, count: int) -> list[Pair]:
    return [(f"query {caller}", f"passage {number}") for number in range(count)]


class Recording:
    """Remembers each batch; refuses to be called by two threads at once, and a pair whose passage is ``poison``."""

    name = "models/recording"

    def __init__(self) -> None:
        self.batches: list[list[Pair]] = []
        self._busy = Lock()

    def __call__(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("called by two threads at once")
        try:
            self.batches.append(list(pairs))
            self.wait()
            if any(passage == "poison" for _, passage in pairs):
                raise ValueError(f"poison among {len(pairs)}")
            return np.array(scores(pairs))
        finally:
            self._busy.release()

    def wait(self) -> None:
        """Nothing to wait for."""


class Gated(Recording):
    """Scores a batch only when it is let through."""

    def __init__(self) -> None:
        super().__init__()
        self._came, self._gate = Semaphore(0), Semaphore(0)

    def wait(self) -> None:
        self._came.release()
        assert self._gate.acquire(timeout=PATIENCE)

    def until_batch(self) -> None:
        """Return when the next batch has come, and stands at the gate."""
        assert self._came.acquire(timeout=PATIENCE)

    def let_through(self, batches: int = 1) -> None:
        self._gate.release(batches)
