"""The cache in memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.reranking.cache import MemoryCache


def test_the_score_longest_unused_gives_way() -> None:
    cache = MemoryCache(max_entries=3)
    cache.put_many({b"a": 1.0, b"b": 2.0, b"c": 3.0})
    cache.get_many([b"a"])
    cache.put_many({b"b": 2.5})
    cache.put_many({b"d": 4.0})
    assert cache.get_many([b"a", b"b", b"c", b"d"]) == [1.0, 2.5, None, 4.0]


def test_a_score_of_zero_is_a_score() -> None:
    cache = MemoryCache(max_entries=2)
    cache.put_many({b"a": 0.0, b"b": 1.0})
    assert cache.get_many([b"a"]) == [0.0]
    cache.put_many({b"c": 1.0})
    assert cache.get_many([b"a", b"b"]) == [0.0, None]


def test_more_scores_than_it_holds_leave_the_last() -> None:
    cache = MemoryCache(max_entries=2)
    cache.put_many({bytes([each]): float(each) for each in range(10)})
    assert len(cache) == 2
    assert cache.get_many([b"\x07", b"\x08", b"\x09"]) == [None, 8.0, 9.0]


def test_without_a_limit_everything_is_kept() -> None:
    cache = MemoryCache(max_entries=None)
    cache.put_many({each.to_bytes(4): 1.0 for each in range(200_000)})
    assert len(cache) == 200_000


def test_threads_never_read_another_keys_score() -> None:
    cache = MemoryCache(max_entries=50)

    def work(seed: int) -> bool:
        right = True
        for step in range(300):
            numbers = [(seed * 31 + step * 7 + each) % 120 for each in range(10)]
            found = cache.get_many([bytes([number]) for number in numbers])
            right &= all(score in (None, float(number)) for number, score in zip(numbers, found, strict=True))
            cache.put_many({bytes([number]): float(number) for number in numbers})
        return right and len(cache) <= 50

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))


@pytest.mark.parametrize("entries", [0, -1])
def test_a_cache_that_holds_nothing_is_an_error(entries: int) -> None:
    with pytest.raises(ConfigError, match=f"max_entries must be a positive integer or None, got {entries}"):
        MemoryCache(max_entries=entries)
