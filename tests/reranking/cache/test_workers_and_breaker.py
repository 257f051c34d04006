"""The threads that wait for a cache, and the circuit breaker before it."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from queue import Empty, Queue
from typing import Any

import pytest

from llama_index_rerank_tuner.reranking.cache.breaker import Breaker
from llama_index_rerank_tuner.reranking.cache.workers import Workers
from tests.reranking.cache.stores import SOON, eventually


def _threads(name: str) -> int:
    return sum(each.name == name for each in threading.enumerate())


def test_results_and_errors_come_back() -> None:
    workers = Workers("w-results", 2, 10)
    jobs = [workers.submit(lambda: 7), workers.submit(lambda: 1 // 0)]
    assert jobs[0] is not None
    assert jobs[1] is not None
    assert jobs[0].result(SOON) == 7
    assert isinstance(jobs[1].exception(SOON), ZeroDivisionError)
    workers.close()


def test_jobs_beyond_the_limits_are_refused_and_threads_never_exceed_theirs() -> None:
    workers, gate = Workers("w-limits", 2, 3), threading.Event()
    jobs = [workers.submit(lambda: gate.wait(SOON))]
    # What is waiting counts, not what is being done: two run and three wait.
    assert eventually(lambda: jobs[0] is not None and jobs[0].running())
    jobs.append(workers.submit(lambda: gate.wait(SOON)))
    assert eventually(lambda: jobs[1] is not None and jobs[1].running())
    jobs += [workers.submit(lambda: gate.wait(SOON)) for _ in range(4)]
    assert [job is None for job in jobs] == [False, False, False, False, False, True]
    assert _threads("w-limits") == 2
    gate.set()
    assert all(job.result(SOON) for job in jobs if job is not None)
    workers.close()
    assert eventually(lambda: _threads("w-limits") == 0)


def test_threads_end_without_work_and_come_back_with_it() -> None:
    workers = Workers("w-idle", 2, 10, idle=0.02)
    for _ in range(3):
        job = workers.submit(lambda: "done")
        assert job is not None
        assert job.result(SOON) == "done"
        assert eventually(lambda: _threads("w-idle") == 0)


def test_no_job_is_lost_to_a_thread_that_is_just_ending() -> None:
    workers = Workers("w-ending", 1, 10)
    late: list[Future[str] | None] = []

    class JobAsItGivesUp(Queue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            if timeout is not None and not self.qsize() and not late:
                late.append(workers.submit(lambda: "done"))
                raise Empty
            return super().get(block, timeout)

    workers._jobs = JobAsItGivesUp(10)
    first = workers.submit(lambda: "first")
    assert first is not None
    assert first.result(SOON) == "first"
    assert eventually(lambda: len(late) == 1)
    assert late[0] is not None
    assert late[0].result(SOON) == "done"
    workers.close()


def test_after_closing_nothing_is_taken_and_what_waits_is_still_done() -> None:
    workers, gate = Workers("w-close", 1, 10), threading.Event()
    jobs = [workers.submit(lambda: gate.wait(SOON)), workers.submit(lambda: True)]
    workers.close()
    assert workers.submit(lambda: True) is None
    gate.set()
    assert all(job is not None and job.result(SOON) for job in jobs)
    assert eventually(lambda: _threads("w-close") == 0)


def test_a_forked_child_starts_threads_of_its_own() -> None:
    workers = Workers("w-fork", 1, 10)
    job = workers.submit(lambda: 1)
    assert job is not None
    assert job.result(SOON) == 1
    child = os.fork()
    if child == 0:
        mine = workers.submit(lambda: 2)
        os._exit(0 if mine is not None and mine.result(SOON) == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    workers.close()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_pause_doubles_up_to_the_longest_and_starts_again_after_a_success() -> None:
    clock = Clock()
    breaker = Breaker(first_pause=1.0, longest_pause=5.0, clock=clock)
    assert breaker.failed()
    for pause in (1.0, 2.0, 4.0, 5.0, 5.0):
        clock.now += pause - 0.01
        assert not breaker.allows()
        clock.now += 0.02
        assert breaker.allows()
        assert not breaker.failed()
    clock.now += 5.01
    assert breaker.allows()
    assert breaker.succeeded()
    assert breaker.failed()
    clock.now += 1.01
    assert breaker.allows()


def test_one_caller_at_a_time_may_try() -> None:
    clock = Clock()
    breaker = Breaker(first_pause=1.0, clock=clock)
    breaker.failed()
    clock.now += 2.0
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert [breaker.allows() for _ in range(3)] == [True, True, True]


def test_failures_of_callers_that_were_under_way_are_one_outage_with_the_first_pause() -> None:
    clock = Clock()
    breaker = Breaker(first_pause=1.0, clock=clock)
    assert [breaker.failed() for _ in range(5)] == [True, False, False, False, False]
    clock.now += 1.01
    assert breaker.allows()


def test_being_well_is_no_news() -> None:
    assert not Breaker().succeeded()


def test_a_machine_without_a_free_thread_loses_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    workers, start = Workers("w-no-thread", 1, 10), threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    waiting = workers.submit(lambda: 1)
    monkeypatch.setattr(threading.Thread, "start", start)
    later = workers.submit(lambda: 2)
    assert waiting is not None
    assert later is not None
    assert (waiting.result(5), later.result(5)) == (1, 2)
    workers.close()
