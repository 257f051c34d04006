"""A cache that fails or hangs costs no answer."""

from __future__ import annotations

import gc
import logging
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from llama_index_rerank_tuner.errors import ConfigError, RerankTunerWarning
from llama_index_rerank_tuner.reranking.cache import DegradingCache
from llama_index_rerank_tuner.reranking.cache.degrading import READERS, WRITES_WAITING
from tests.reranking.cache.stores import SOON, Store, collected_warnings, eventually

LONG, SHORT = 30.0, 0.01


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.answers_at_once.set()


def _more_threads(than: set[threading.Thread]) -> int:
    return sum(each.name.startswith("rerank-cache-") for each in set(threading.enumerate()) - than)


def test_a_cache_that_is_well_is_passed_through(store: Store) -> None:
    cache = DegradingCache(store, patience=SOON)
    cache.put_many({b"a": 1.5, b"b": 2.5})
    assert cache.flush(SOON)
    assert cache.get_many([b"b", b"c", b"a"]) == [2.5, None, 1.5]
    assert cache.name == "store"
    cache.close()
    assert store.closed == 1


def test_nothing_asked_and_nothing_kept_does_not_reach_the_cache(store: Store) -> None:
    cache = DegradingCache(store)
    assert cache.get_many([]) == []
    cache.put_many({})
    assert cache.flush(SOON)
    assert (store.reads, store.writes) == ([], [])


def test_the_first_failure_warns_once_and_the_cache_is_then_left_alone(store: Store) -> None:
    store.fails = ConnectionError("no route to host")
    cache = DegradingCache(store, patience=SOON, first_pause=LONG)
    with collected_warnings() as given:
        answers = [cache.get_many([b"a", b"b"]) for _ in range(5)]
        cache.put_many({b"a": 1.0})
        cache.flush(SOON)
        cache.put_many({b"b": 1.0})
    assert answers == [[None, None]] * 5
    assert given == [
        "The score cache store fails when read (ConnectionError: no route to host): scores are computed instead, which "
        "is slower and as right. It is tried again by itself."
    ]
    assert len(store.reads) == 1


def test_a_cache_that_hangs_is_given_up_after_the_patience(store: Store) -> None:
    store.answers_at_once.clear()
    cache = DegradingCache(store, patience=0.05, first_pause=LONG)
    started = time.monotonic()
    with pytest.warns(RerankTunerWarning, match="store does not answer within 50 ms"):
        assert cache.get_many([b"a"]) == [None]
    # No figure of speed: it hangs for ten seconds where it is waited for.
    assert time.monotonic() - started < SOON / 2


def test_threads_and_what_waits_stay_few_while_the_cache_hangs(store: Store) -> None:
    before = set(threading.enumerate())
    store.answers_at_once.clear()
    cache = DegradingCache(store, patience=SHORT, first_pause=0.0001, longest_pause=0.0002)
    with collected_warnings() as given:
        for number in range(WRITES_WAITING + 50):
            cache.put_many({b"%d" % number: 1.0})
        for _ in range(3 * READERS):
            assert cache.get_many([b"a"]) == [None]
            time.sleep(0.0005)
    assert len(given) == 1
    assert _more_threads(before) <= READERS + 1
    store.answers_at_once.set()
    assert eventually(lambda: cache.get_many([b"0"]) == [1.0])
    cache.close()


def test_a_hang_holds_up_no_writer(store: Store) -> None:
    store.answers_at_once.clear()
    cache = DegradingCache(store)
    started = time.monotonic()
    cache.put_many({b"a": 1.0})
    assert time.monotonic() - started < SOON / 2
    assert not cache.flush(SHORT)
    store.answers_at_once.set()
    assert cache.flush(SOON)
    assert cache.get_many([b"a"]) == [1.0]


def test_it_is_tried_again_and_its_return_is_logged(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    store.fails = ConnectionError("down")
    cache = DegradingCache(store, patience=SOON, first_pause=SHORT, longest_pause=SHORT)
    with pytest.warns(RerankTunerWarning, match="down"):
        cache.get_many([b"a"])
    assert eventually(lambda: cache.get_many([b"a"]) == [None] and len(store.reads) > 1)
    store.fails = None
    store.kept.put_many({b"a": 1.5})
    assert eventually(lambda: cache.get_many([b"a"]) == [1.5])
    assert caplog.messages == ["The score cache store can be read again."]


def test_a_second_outage_goes_to_the_log_and_gives_no_second_warning(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cache = DegradingCache(store, patience=SOON, first_pause=SHORT, longest_pause=SHORT)
    store.fails = ConnectionError("first")
    with pytest.warns(RerankTunerWarning, match="first"):
        cache.get_many([b"a"])
    store.fails = None
    assert eventually(lambda: cache.get_many([b"a"]) == [None] and "again" in caplog.text)
    store.fails = ConnectionError("second")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cache.get_many([b"a"]) == [None]
    assert "(ConnectionError: second)" in caplog.messages[-1]


def test_a_full_cache_is_still_read(store: Store) -> None:
    store.kept.put_many({b"a": 1.5})
    store.get_many = store.kept.get_many  # type: ignore[method-assign]
    store.fails = MemoryError("OOM command not allowed")
    cache = DegradingCache(store, patience=SOON, first_pause=LONG)
    cache.put_many({b"b": 2.5})
    assert cache.flush(SOON)
    with collected_warnings() as given:
        assert cache.get_many([b"a", b"b"]) == [1.5, None]
        cache.put_many({b"c": 3.5})
    assert len(given) == 1
    assert "fails when written (MemoryError: OOM" in given[0]
    assert cache.flush(SOON)
    assert len(store.writes) == 1


@pytest.mark.parametrize("answer", [[], [1.0, 2.0]])
def test_a_cache_that_answers_too_few_or_too_many_is_not_believed(store: Store, answer: list[float | None]) -> None:
    store.get_many = lambda keys: answer  # type: ignore[method-assign]
    cache = DegradingCache(store, patience=SOON)
    with pytest.warns(RerankTunerWarning, match=f"answers 1 keys with {len(answer)} scores"):
        assert cache.get_many([b"a"]) == [None]


def test_a_timeout_of_the_caches_own_is_a_failure_like_any_other(store: Store) -> None:
    store.fails = TimeoutError("socket")
    with pytest.warns(RerankTunerWarning, match=r"fails when read \(TimeoutError: socket\)"):
        assert DegradingCache(store, patience=SOON).get_many([b"a"]) == [None]


def test_changing_what_was_put_does_not_change_what_is_kept(store: Store) -> None:
    store.answers_at_once.clear()
    cache = DegradingCache(store)
    scores = {b"a": 1.0}
    cache.put_many(scores)
    scores[b"a"] = 99.0
    store.answers_at_once.set()
    assert cache.flush(SOON)
    assert cache.get_many([b"a"]) == [1.0]


def test_many_callers_of_a_cache_that_comes_and_goes_get_no_wrong_score(store: Store) -> None:
    cache = DegradingCache(store, patience=SOON, first_pause=0.0005, longest_pause=0.001)
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            store.fails = None if store.fails else ConnectionError("gone")
            time.sleep(0.002)

    def call(number: int) -> bool:
        keys = [b"%d" % (number + each) for each in range(5)]
        cache.put_many({key: float(key) for key in keys})
        return all(score in (None, float(key)) for key, score in zip(keys, cache.get_many(keys), strict=True))

    comes_and_goes = threading.Thread(target=come_and_go)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RerankTunerWarning)
        comes_and_goes.start()
        with ThreadPoolExecutor(16) as callers:
            assert all(callers.map(call, range(400)))
    done.set()
    comes_and_goes.join()
    store.fails = None
    assert eventually(lambda: (cache.flush(SOON) and cache.get_many([b"1"]) == [1.0]) or cache.put_many({b"1": 1.0}))
    cache.close()


def test_closing_writes_what_waits_and_ends_the_threads(store: Store) -> None:
    before = set(threading.enumerate())
    cache = DegradingCache(store, patience=SOON)
    for number in range(20):
        cache.put_many({b"%d" % number: 1.0})
    cache.get_many([b"0"])
    cache.close()
    cache.close()
    assert len(store.kept) == 20
    assert eventually(lambda: _more_threads(before) == 0)


def test_a_cache_forgotten_without_closing_is_freed(store: Store) -> None:
    freed = []

    class Freed(DegradingCache):
        def __del__(self) -> None:
            freed.append(True)

    cache = Freed(store, patience=SOON)
    cache.put_many({b"a": 1.0})
    cache.flush(SOON)
    cache.get_many([b"a"])
    del cache
    assert eventually(lambda: gc.collect() >= 0 and freed == [True])


@pytest.mark.parametrize("patience", [0.0, -1.0, float("inf"), float("nan")])
def test_a_patience_that_cannot_work_is_an_error(store: Store, patience: float) -> None:
    with pytest.raises(ConfigError, match="patience must be a positive number of seconds"):
        DegradingCache(store, patience)
