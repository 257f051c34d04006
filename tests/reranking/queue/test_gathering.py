"""The short wait for callers that were just answered: when there is one, and that a caller alone has none."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

import pytest

from llama_index_rerank_tuner.reranking.queue import QueuedScorer, worker
from tests.reranking.queue.scorers import PATIENCE, Gated, pairs_of

WAIT = 1.0


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The times for which the worker was ready to wait for more callers, each cut short to nothing."""
    seen: list[float] = []

    class Condition(worker.Condition):  # type: ignore[name-defined,misc]
        def wait_for(self, enough: Callable[[], bool], timeout: float | None = None) -> bool:
            seen.append(timeout or 0.0)
            return enough()

    monkeypatch.setattr(worker, "Condition", Condition)
    return seen


class Timed(Gated):
    """Each batch takes as long as the clock is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        super().__init__()
        self.now, self.seconds = 100.0, seconds
        clock: Any = type("Clock", (), {"monotonic": lambda: self.now})
        monkeypatch.setattr(worker, "time", clock)

    def wait(self) -> None:
        super().wait()
        self.now += self.seconds


def test_a_caller_alone_is_never_kept_waiting(waits: list[float]) -> None:
    scorer = Gated()
    scorer.let_through(5)
    with QueuedScorer(scorer, max_wait=WAIT) as queued:
        for number in range(5):
            queued(pairs_of(number, 3))
    assert waits == []


@pytest.mark.parametrize(("seconds", "allowed"), [(2.0, 0.2), (50.0, WAIT)])
def test_after_a_shared_batch_it_waits_a_tenth_of_its_time_at_most(
    waits: list[float], monkeypatch: pytest.MonkeyPatch, seconds: float, allowed: float
) -> None:
    scorer = Timed(monkeypatch, seconds)
    with QueuedScorer(scorer, max_wait=WAIT) as queued:
        wait(shared_batch(queued, scorer), PATIENCE)
        scorer.let_through()
        queued(pairs_of("again", 1))
    assert waits[0] == pytest.approx(allowed)


def test_no_wait_is_left_for_one_who_comes_later(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Timed(monkeypatch, 2.0)
    with QueuedScorer(scorer, max_wait=WAIT) as queued:
        wait(shared_batch(queued, scorer), PATIENCE)
        idle(queued)
        scorer.now += 60
        scorer.let_through()
        queued(pairs_of("again", 1))
    assert all(timeout < 0 for timeout in waits)


def shared_batch(queued: QueuedScorer, scorer: Gated) -> list[Any]:
    """A call alone, and then three in one batch."""
    futures = [queued.submit(pairs_of("alone", 1))]
    scorer.until_batch()
    futures += [queued.submit(pairs_of(caller, 1)) for caller in "abc"]
    scorer.let_through(2)
    return futures


def idle(queued: QueuedScorer) -> None:
    """Return when the worker has noted how long the batch took, and waits for a call."""
    give_up = time.monotonic() + PATIENCE
    while not queued._worker._changed._waiters:  # type: ignore[attr-defined]
        assert time.monotonic() < give_up
