"""Caches and a scorer of the tests' own."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.reranking.cache import MemoryCache

SOON = 10.0
"""Seconds in which whatever is awaited has long happened, even on a busy machine."""


class Store:
    """A cache that can be told to fail or to hang; remembers what it was asked."""

    name = "store"

    def __init__(self) -> None:
        self.kept = MemoryCache()
        self.fails: Exception | None = None
        self.answers_at_once = threading.Event()
        self.answers_at_once.set()
        self.reads: list[list[bytes]] = []
        self.writes: list[dict[bytes, float]] = []
        self.closed = 0

    def get_many(self, keys: Sequence[bytes]) -> list[float | None]:
        self.reads.append(list(keys))
        self._behave()
        return self.kept.get_many(keys)

    def put_many(self, items: Mapping[bytes, float]) -> None:
        self.writes.append(dict(items))
        self._behave()
        self.kept.put_many(items)

    def close(self) -> None:
        self.closed += 1

    def _behave(self) -> None:
        self.answers_at_once.wait(SOON)
        if self.fails is not None:
            raise self.fails


class Lengths:
    """Scores a pair by its texts' lengths; remembers what it was asked."""

    name = "models/lengths"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        self.asked.extend(pairs)
        return lengths(pairs)


def lengths(pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
    return np.array([len(query) - 0.1 * len(passage) for query, passage in pairs])


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """The messages of all warnings that are given meanwhile, filled in at the end."""
    messages: list[str] = []
    with warnings.catch_warnings(record=True, action="always") as given:
        yield messages
    messages.extend(str(each.message) for each in given)


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it comes true before it is too late."""
    give_up = time.monotonic() + SOON
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.005)
    return True
