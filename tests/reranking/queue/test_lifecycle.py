"""The queue's thread: when it starts, when it ends, and what becomes of those who wait then."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import threading
import weakref
from concurrent.futures import Future

import pytest

from llama_index_rerank_tuner import reranking
from llama_index_rerank_tuner.errors import RerankTunerError
from llama_index_rerank_tuner.reranking.queue import QueuedScorer
from tests.reranking.queue.scorers import PATIENCE, Gated, Recording, pairs_of, scores


def queue_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "rerank-tuner-queue"]


@pytest.fixture(autouse=True)
def no_thread_stays() -> None:
    for thread in queue_threads():
        thread.join(PATIENCE)
    assert queue_threads() == []


def test_the_first_call_starts_one_thread_and_closing_ends_it() -> None:
    queued = QueuedScorer(Recording())
    assert len(queue_threads()) == 0
    for _ in range(3):
        queued(pairs_of("a", 1))
        assert len(queue_threads()) == 1
    queued.close()
    assert len(queue_threads()) == 0


def test_closing_scores_what_waits_and_refuses_new_calls() -> None:
    scorer = Gated()
    queued = QueuedScorer(scorer, max_pairs=4)
    futures = [queued.submit(pairs_of(caller, 6)) for caller in "abc"]
    scorer.until_batch()
    closing = threading.Thread(target=queued.close)
    closing.start()
    while not queued._worker.closed:
        pass
    with pytest.raises(RerankTunerError, match="The queue of models/recording is closed"):
        queued(pairs_of("late", 1))
    assert not any(future.done() for future in futures)
    scorer.let_through(10)
    closing.join(PATIENCE)
    assert not closing.is_alive()
    assert [future.result(0).tolist() for future in futures] == [scores(pairs_of(caller, 6)) for caller in "abc"]


def test_closing_twice_or_unused_does_nothing() -> None:
    queued = QueuedScorer(Recording())
    queued.close()
    queued.close()
    assert queued([]).shape == (0,)


def test_closing_with_a_timeout_gives_an_error_to_those_who_had_no_turn() -> None:
    scorer = Gated()
    queued = QueuedScorer(scorer)
    first = queued.submit(pairs_of("a", 1))
    scorer.until_batch()
    second = queued.submit(pairs_of("b", 1))
    queued.close(timeout=0.01)
    with pytest.raises(RerankTunerError, match="closed before this call had its turn"):
        second.result(0)
    scorer.let_through()
    assert first.result(PATIENCE).tolist() == scores(pairs_of("a", 1))


def test_a_callback_may_close_the_queue() -> None:
    scorer, closed = Gated(), Future[bool]()
    queued = QueuedScorer(scorer)

    def close(_: object) -> None:
        queued.close()
        closed.set_result(True)

    future = queued.submit(pairs_of("a", 1))
    future.add_done_callback(close)
    scorer.let_through()
    assert closed.result(PATIENCE)


def test_a_queue_that_nobody_holds_ends_its_thread_and_lets_go_of_the_scorer() -> None:
    scorer = Recording()
    queued = QueuedScorer(scorer)
    queued(pairs_of("a", 1))
    (thread,) = queue_threads()
    gone = weakref.ref(scorer)
    del scorer, queued
    gc.collect()
    thread.join(PATIENCE)
    gc.collect()
    assert not thread.is_alive()
    assert gone() is None


def test_what_was_submitted_is_scored_though_nobody_holds_the_queue() -> None:
    scorer = Gated()
    future = QueuedScorer(scorer).submit(pairs_of("a", 3))
    gc.collect()
    scorer.let_through()
    assert future.result(PATIENCE).tolist() == scores(pairs_of("a", 3))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_a_line_and_a_thread_of_its_own() -> None:
    """Forked while a batch is being scored, another call waits, and the lock of the queue is held."""
    scorer = Gated()
    queued = QueuedScorer(scorer)
    futures = [queued.submit(pairs_of("a", 1))]
    scorer.until_batch()
    futures.append(queued.submit(pairs_of("b", 1)))
    with queued._worker._changed:
        child = os.fork()
        if child == 0:
            queued.scorer = queued._worker.scorer = Recording()
            os._exit(0 if queued.waiting == 0 and queued(pairs_of("c", 2)).tolist() == scores(pairs_of("c", 2)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    scorer.let_through(2)
    assert [future.result(PATIENCE).tolist() for future in futures] == [scores(pairs_of(each, 1)) for each in "ab"]
    queued.close()


@pytest.mark.parametrize(
    ("last_words", "expected"),
    [
        ("queued(pairs_of('a', 1)); print('done')", "done\n"),
        ("queued.submit(pairs_of('a', 500)); print('left')", "left\n"),
        ("threading.Thread(target=lambda: print(len(queued(pairs_of('a', 500))))).start()", "500\n"),
    ],
)
def test_the_interpreter_exits_whatever_waits(last_words: str, expected: str) -> None:
    """Idle, with calls nobody waits for, and with a thread that waits: that one gets its scores first."""
    program = textwrap.dedent(f"""
        import sys, threading, types
        # The queue alone: the package around it imports llama_index, which takes seconds.
        package = sys.modules["llama_index_rerank_tuner.reranking"] = types.ModuleType("reranking")
        package.__path__ = {list(reranking.__path__)!r}
        from llama_index_rerank_tuner.reranking.queue import QueuedScorer
        from tests.reranking.queue.scorers import Recording, pairs_of
        queued = QueuedScorer(Recording(), max_pairs=2)
        {last_words}
    """)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, expected, "")
