"""The queue: each caller gets its own scores, alone or together, and an error only where it is of its making."""

from __future__ import annotations

import copy
import pickle
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, OverloadedError, RerankTunerError, ScoreError
from llama_index_rerank_tuner.reranking.queue import QueuedScorer
from tests.reranking.queue.scorers import PATIENCE, Gated, Pair, Recording, pairs_of, score, scores

TEXTS = st.sampled_from(["", "a", "ab", "税"])
REQUESTS = st.lists(st.lists(st.tuples(TEXTS, TEXTS), max_size=9), max_size=9)


@given(REQUESTS, st.integers(1, 12))
@settings(deadline=None)
def test_each_caller_gets_exactly_its_scores_in_order(requests: list[list[Pair]], max_pairs: int) -> None:
    scorer = Recording()
    with QueuedScorer(scorer, max_pairs=max_pairs) as queued:
        futures = [queued.submit(pairs) for pairs in requests]
        assert [future.result(PATIENCE).tolist() for future in futures] == [scores(pairs) for pairs in requests]
    assert all(0 < len(batch) <= max_pairs for batch in scorer.batches)


@given(REQUESTS)
@settings(deadline=None)
def test_threads_get_exactly_their_scores(requests: list[list[Pair]]) -> None:
    with QueuedScorer(Recording(), max_pairs=5) as queued, ThreadPoolExecutor(4) as callers:
        assert [each.tolist() for each in callers.map(queued, requests)] == [scores(pairs) for pairs in requests]


def test_those_who_come_while_a_batch_is_scored_share_the_next() -> None:
    scorer = Gated()
    with QueuedScorer(scorer) as queued:
        futures = [queued.submit(pairs_of("a", 2))]
        scorer.until_batch()
        futures += [queued.submit(pairs_of(caller, 3)) for caller in "bcd"]
        scorer.let_through(2)
        wait(futures, PATIENCE)
    assert scorer.batches == [pairs_of("a", 2), pairs_of("b", 3) + pairs_of("c", 3) + pairs_of("d", 3)]


def test_a_pair_that_two_callers_ask_for_at_once_is_scored_once() -> None:
    scorer = Gated()
    with QueuedScorer(scorer) as queued:
        queued.submit([("first", "")])
        scorer.until_batch()
        futures = [queued.submit([("q", "a"), ("q", "b")]), queued.submit([("q", "b"), ("q", "b"), ("r", "a")])]
        scorer.let_through(2)
        assert futures[1].result(PATIENCE).tolist() == [score(("q", "b")), score(("q", "b")), score(("r", "a"))]
    assert scorer.batches[1] == [("q", "a"), ("q", "b"), ("r", "a")]


def test_a_small_call_does_not_wait_for_the_end_of_a_large_one() -> None:
    scorer = Gated()
    with QueuedScorer(scorer, max_pairs=100) as queued:
        large = queued.submit(pairs_of("large", 1000))
        scorer.until_batch()
        small = queued.submit(pairs_of("small", 10))
        scorer.let_through(3)
        assert small.result(PATIENCE).tolist() == scores(pairs_of("small", 10))
        assert not large.done()
        scorer.let_through(20)
        assert large.result(PATIENCE).tolist() == scores(pairs_of("large", 1000))
    assert len(scorer.batches) == 11


def test_one_call_with_a_poisoned_pair_does_not_fail_its_neighbours() -> None:
    scorer = Gated()
    with QueuedScorer(scorer) as queued:
        queued.submit([("first", "")])
        scorer.until_batch()
        good, bad, better = (queued.submit(pairs) for pairs in ([("q", "a")], [("q", "poison")], [("q", "b")]))
        scorer.let_through(5)
        assert good.result(PATIENCE).tolist() == [score(("q", "a"))]
        assert better.result(PATIENCE).tolist() == [score(("q", "b"))]
        with pytest.raises(ValueError, match="poison among 1"):
            bad.result(PATIENCE)


def test_the_rest_of_a_failed_call_is_not_scored() -> None:
    scorer = Recording()
    with QueuedScorer(scorer, max_pairs=2) as queued:
        with pytest.raises(ValueError, match="poison among 2"):
            queued([("q", "a"), ("q", "poison"), ("q", "b"), ("q", "c")])
        assert queued([("r", "a")]).tolist() == [score(("r", "a"))]
    assert scorer.batches == [[("q", "a"), ("q", "poison")], [("r", "a")]]


def test_a_pair_that_cannot_be_hashed_fails_only_its_own_call() -> None:
    scorer = Gated()
    with QueuedScorer(scorer) as queued:
        queued.submit([("first", "")])
        scorer.until_batch()
        bad, good = queued.submit([("q", ["a"])]), queued.submit([("q", "a")])  # type: ignore[list-item]
        scorer.let_through(3)
        assert good.result(PATIENCE).tolist() == [score(("q", "a"))]
        with pytest.raises(TypeError, match="unhashable"):
            bad.result(PATIENCE)


def test_a_scorer_that_loses_a_score_is_an_error_rather_than_a_shift() -> None:
    class Short(Recording):
        def __call__(self, pairs: list[Pair]) -> NDArray[np.float64]:  # type: ignore[override]
            return super().__call__(pairs)[:-1]

    with QueuedScorer(Short()) as queued, pytest.raises(ScoreError, match=r"models/recording gave .* \(1,\) for 2"):
        queued(pairs_of("a", 2))


def test_a_scorer_that_exits_fails_its_caller_and_the_queue_goes_on() -> None:
    class Exiting(Recording):
        def wait(self) -> None:
            if len(self.batches) == 1:
                raise SystemExit("enough")

    with QueuedScorer(Exiting()) as queued:
        with pytest.raises(SystemExit, match="enough"):
            queued(pairs_of("a", 1))
        assert queued(pairs_of("a", 1)).tolist() == scores(pairs_of("a", 1))


def test_when_the_thread_breaks_off_callers_get_an_error_and_the_next_call_a_new_thread() -> None:
    scorer = Gated()
    queued = QueuedScorer(scorer, max_pairs=1)

    def leave(_: object) -> None:
        raise SystemExit("a callback that ends the thread")

    first = queued.submit(pairs_of("a", 1))
    scorer.until_batch()
    first.add_done_callback(leave)
    waiting = [queued.submit(pairs_of(caller, 2)) for caller in "bc"]
    scorer.let_through()
    for future in waiting:
        with pytest.raises(RerankTunerError, match=r"models/recording broke off .* Try again"):
            future.result(PATIENCE)
    scorer.let_through()
    assert queued(pairs_of("d", 1)).tolist() == scores(pairs_of("d", 1))
    queued.close()


def test_too_many_waiting_pairs_are_refused_and_the_others_are_served() -> None:
    scorer = Gated()
    with QueuedScorer(scorer, max_queued_pairs=10) as queued:
        futures = [queued.submit(pairs_of("large on an empty line", 25))]
        scorer.until_batch()
        futures.append(queued.submit(pairs_of("b", 8)))
        with pytest.raises(OverloadedError, match="8 pairs of 1 calls wait"):
            queued(pairs_of("c", 3))
        assert queued.waiting == 8
        scorer.let_through(2)
        assert [len(future.result(PATIENCE)) for future in futures] == [25, 8]


def test_a_cancelled_call_is_not_scored_and_frees_its_room() -> None:
    scorer = Gated()
    with QueuedScorer(scorer) as queued:
        first = queued.submit(pairs_of("a", 1))
        scorer.until_batch()
        given_up, last = queued.submit(pairs_of("b", 5)), queued.submit(pairs_of("c", 1))
        assert given_up.cancel()
        assert queued.waiting == 1
        scorer.let_through(2)
        assert wait([first, given_up, last], PATIENCE).not_done == set()
        with pytest.raises(CancelledError):
            given_up.result()
    assert scorer.batches == [pairs_of("a", 1), pairs_of("c", 1)]


@pytest.mark.parametrize("max_pairs", [2, 10])
def test_those_who_wait_for_a_cancelled_call_hear_of_it(max_pairs: int) -> None:
    """Cancelled while all or a part of it is being scored, and while it waits."""
    scorer = Gated()
    with QueuedScorer(scorer, max_pairs=max_pairs) as queued:
        futures = [queued.submit(pairs_of("a", 5))]
        scorer.until_batch()
        futures.append(queued.submit(pairs_of("b", 5)))
        for future in futures:
            assert future.cancel()
        scorer.let_through()
        assert wait(futures, PATIENCE).not_done == set()
    assert scorer.batches == [pairs_of("a", 5)[:max_pairs]]


def test_the_rest_of_a_large_call_that_is_cancelled_is_not_scored() -> None:
    scorer = Gated()
    with QueuedScorer(scorer, max_pairs=10) as queued:
        large = queued.submit(pairs_of("large", 1000))
        scorer.until_batch()
        assert large.cancel()
        assert queued.waiting == 0
        scorer.let_through(2)
        assert queued(pairs_of("b", 1)).tolist() == scores(pairs_of("b", 1))
    assert [len(batch) for batch in scorer.batches] == [10, 1]


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """SIGINT interrupts, also where the tests run in the background of a shell, which ignores it there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends no signal to a thread")
@pytest.mark.usefixtures("ctrl_c")
def test_a_caller_that_is_interrupted_gives_up_its_pairs() -> None:
    """Ctrl-C reaches a thread that waits as an exception out of ``Future.result``."""
    scorer = Gated()
    with QueuedScorer(scorer) as queued:
        blocking = queued.submit(pairs_of("a", 1))
        scorer.until_batch()

        def interrupt_when_waiting() -> None:
            while not queued.waiting:
                pass
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        interrupter = threading.Thread(target=interrupt_when_waiting)
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            queued(pairs_of("b", 3))
        interrupter.join()
        assert queued.waiting == 0
        scorer.let_through()
        assert blocking.result(PATIENCE).tolist() == scores(pairs_of("a", 1))
    assert scorer.batches == [pairs_of("a", 1)]


def test_a_call_from_the_queues_own_thread_is_refused_instead_of_waiting_for_itself() -> None:
    scorer, heard = Gated(), Future[str]()
    with QueuedScorer(scorer) as queued:

        def call_again(_: object) -> None:
            try:
                queued(pairs_of("b", 1))
            except RerankTunerError as error:
                heard.set_result(str(error))

        future = queued.submit(pairs_of("a", 1))
        future.add_done_callback(call_again)
        scorer.let_through()
        assert "called from its own thread" in heard.result(PATIENCE)


@pytest.mark.parametrize("arguments", [{"max_pairs": 0}, {"max_queued_pairs": 0}, {"max_wait": -1}, {"max_wait": 5}])
def test_impossible_arguments_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        QueuedScorer(Recording(), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda queued: pickle.loads(pickle.dumps(queued))])
def test_a_copy_has_the_settings_and_a_line_of_its_own(copied: object) -> None:
    queued = QueuedScorer(Pickled(), 7, 0.001, 99)
    queued(pairs_of("a", 2))
    twin = copied(queued)  # type: ignore[operator]
    queued.close()
    assert twin(pairs_of("a", 2)).tolist() == scores(pairs_of("a", 2))
    assert twin.__reduce__()[1][1:] == (7, 0.001, 99)
    twin.close()


class Pickled:
    name = "pickled"

    def __call__(self, pairs: list[Pair]) -> NDArray[np.float64]:
        return np.array(scores(pairs))


def test_no_pairs_need_no_thread() -> None:
    queued = QueuedScorer(Gated())
    before = threading.active_count()
    nothing = queued([])
    assert (nothing.shape, nothing.dtype) == ((0,), np.float64)
    assert threading.active_count() == before


def test_it_goes_by_the_scorers_name_and_activation() -> None:
    class Halving(Recording):
        def activate(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
            return logits / 2

    assert QueuedScorer(Recording()).name == "models/recording"
    assert QueuedScorer(Halving()).activate(np.array([4.0])).tolist() == [2.0]
    assert QueuedScorer(Recording()).activate(np.array([4.0])).tolist() == [4.0]
