"""The cache in Redis, against a real server that is killed, stopped and filled."""

from __future__ import annotations

import builtins
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from llama_index_rerank_tuner.errors import ConfigError, MissingExtraError, RerankTunerWarning
from llama_index_rerank_tuner.reranking.cache import CachedScorer, DegradingCache, RedisCache
from llama_index_rerank_tuner.reranking.cache.entries import packed
from tests.reranking.cache.stores import SOON, Lengths, collected_warnings, eventually, lengths
from tests.reranking.redis_server import RedisServer

KEYS = [bytes([number]) * 32 for number in range(4)]
PAIRS = [("what fee", "fee " * number) for number in range(20)]


def _patient(server: RedisServer, **settings: Any) -> RedisCache:
    return RedisCache(server.url, **{"timeout": SOON, **settings})


def test_scores_come_back_exactly_and_outlive_the_client(redis_server: RedisServer) -> None:
    first = _patient(redis_server)
    first.put_many({KEYS[0]: -1 / 3, KEYS[1]: 1e-300, KEYS[2]: 0.0})
    first.close()
    first.close()
    assert _patient(redis_server).get_many([KEYS[2], KEYS[3], KEYS[0], KEYS[1]]) == [0.0, None, -1 / 3, 1e-300]


def test_nothing_asked_is_nothing_sent(redis_server: RedisServer) -> None:
    cache = _patient(redis_server)
    redis_server.kill()
    assert cache.get_many([]) == []
    cache.put_many({})


def test_a_call_is_one_command_or_one_round(redis_server: RedisServer) -> None:
    cache = _patient(redis_server)
    cache.put_many(dict.fromkeys(KEYS, 1.0))
    cache.get_many(KEYS)
    with redis_server.client() as client:
        commands: Any = client.info("commandstats")
    assert commands["cmdstat_set"]["calls"] == len(KEYS)
    assert commands["cmdstat_mget"]["calls"] == 1


def test_scores_are_forgotten_after_their_time(redis_server: RedisServer) -> None:
    cache = _patient(redis_server, ttl=0.05)
    cache.put_many({KEYS[0]: 1.0})
    assert eventually(lambda: cache.get_many([KEYS[0]]) == [None])
    with redis_server.client() as client:
        _patient(redis_server, ttl=1000).put_many({KEYS[1]: 1.0})
        assert 990 < client.ttl(b"rerank-tuner:" + KEYS[1]) <= 1000
        _patient(redis_server, ttl=None).put_many({KEYS[2]: 1.0})
        assert client.ttl(b"rerank-tuner:" + KEYS[2]) == -1


def test_applications_with_their_own_namespace_do_not_meet(redis_server: RedisServer) -> None:
    _patient(redis_server, namespace="shop").put_many({KEYS[0]: 1.0})
    assert _patient(redis_server, namespace="help desk").get_many([KEYS[0]]) == [None]
    assert _patient(redis_server, namespace="shop").get_many([KEYS[0]]) == [1.0]


def test_what_is_no_whole_entry_of_its_key_is_not_there_and_is_written_over(redis_server: RedisServer) -> None:
    cache = _patient(redis_server)
    cache.put_many(dict.fromkeys(KEYS, 1.0))
    names = [b"rerank-tuner:" + key for key in KEYS]
    with redis_server.client() as client:
        client.set(names[0], b"0.5")
        client.set(names[1], packed(KEYS[0], 7.0))
        client.delete(names[2])
        client.rpush(names[2], "a list")
    assert cache.get_many(KEYS) == [None, None, None, 1.0]
    cache.put_many(dict.fromkeys(KEYS, 2.0))
    assert cache.get_many(KEYS) == [2.0, 2.0, 2.0, 2.0]


def test_a_scorer_computes_what_is_damaged_in_the_cache(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        near = CachedScorer(Lengths(), DegradingCache(_patient(redis_server), patience=SOON), namespace=b"model")
        assert near(PAIRS).tolist() == lengths(PAIRS).tolist()
        near.close()
        names: Any = client.keys("*")
        for name in names[:7]:
            client.setrange(name, 3, b"\xff\x00\xff")
    scorer = Lengths()
    again = CachedScorer(scorer, DegradingCache(_patient(redis_server), patience=SOON), namespace=b"model")
    assert again(PAIRS).tolist() == lengths(PAIRS).tolist()
    assert len(scorer.asked) == 7
    again.close()


def test_a_server_that_is_down_raises_at_once_and_not_before_it_is_used(redis_server: RedisServer) -> None:
    redis_server.kill()
    cache = _patient(redis_server)
    with pytest.raises(redis.ConnectionError):
        cache.get_many(KEYS)
    with pytest.raises(redis.ConnectionError):
        cache.put_many({KEYS[0]: 1.0})


def test_a_server_that_hangs_is_given_up_after_the_timeout(redis_server: RedisServer) -> None:
    cache = RedisCache(redis_server.url, timeout=0.05)
    redis_server.hang()
    for _ in range(2):
        with pytest.raises(redis.TimeoutError):
            cache.get_many(KEYS)
    redis_server.go_on()


def test_an_answer_that_came_too_late_is_not_taken_for_the_next_one(redis_server: RedisServer) -> None:
    cache = RedisCache(redis_server.url, timeout=0.1)
    assert eventually(lambda: _tried(cache, {key: float(number) for number, key in enumerate(KEYS)}))
    redis_server.hang()
    with pytest.raises(redis.TimeoutError):
        cache.get_many([KEYS[0]])
    redis_server.go_on()
    answers = []
    assert eventually(lambda: _tried(cache, {}) and len(answers.append(_answer(cache, KEYS[1])) or answers) > 20)
    assert set(answers) <= {1.0, None}
    assert 1.0 in answers


def _tried(cache: RedisCache, items: dict[bytes, float]) -> bool:
    try:
        cache.put_many(items)
    except redis.RedisError:
        return False
    return True


def _answer(cache: RedisCache, key: bytes) -> float | None:
    try:
        return cache.get_many([key])[0]
    except redis.RedisError:
        return None


def test_a_full_server_is_read_and_says_once_that_it_is_full(redis_server: RedisServer) -> None:
    cache = DegradingCache(_patient(redis_server), patience=SOON, first_pause=30.0)
    cache.put_many({KEYS[0]: 1.5})
    assert cache.flush(SOON)
    with redis_server.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
    cache.put_many({KEYS[1]: 2.5})
    assert cache.flush(SOON)
    with collected_warnings() as given:
        assert cache.get_many(KEYS[:2]) == [1.5, None]
        cache.put_many({KEYS[2]: 3.5})
        assert cache.get_many(KEYS[:2]) == [1.5, None]
    assert len(given) == 1
    assert "fails when written (OutOfMemoryError: " in given[0]
    cache.close()


def test_a_scorer_answers_rightly_while_the_server_hangs_and_uses_it_again_afterwards(
    redis_server: RedisServer,
) -> None:
    scorer = Lengths()
    cache = DegradingCache(RedisCache(redis_server.url), first_pause=0.02, longest_pause=0.02)
    cached = CachedScorer(scorer, cache, namespace=b"model")
    redis_server.hang()
    with collected_warnings() as given:
        for _ in range(5):
            assert cached(PAIRS).tolist() == lengths(PAIRS).tolist()
    assert len(given) == 1
    redis_server.go_on()

    def answered_from_the_cache() -> bool:
        asked = len(scorer.asked)
        right = cached(PAIRS).tolist() == lengths(PAIRS).tolist()
        return right and len(scorer.asked) == asked

    assert eventually(answered_from_the_cache)
    cached.close()


def test_threads_get_right_scores_while_the_server_is_killed_and_restarted_twice(redis_server: RedisServer) -> None:
    scorer = Lengths()
    cache = DegradingCache(RedisCache(redis_server.url), first_pause=0.01, longest_pause=0.05)
    cached = CachedScorer(scorer, cache, namespace=b"model")
    done = threading.Event()

    def call(start: int) -> int:
        calls = 0
        while not done.is_set():
            pairs = [(f"query {start}", "passage " * ((start + calls + each) % 40)) for each in range(10)]
            if cached(pairs).tolist() != lengths(pairs).tolist():
                raise AssertionError("a wrong score")
            calls += 1
        return calls

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RerankTunerWarning)
        with ThreadPoolExecutor(8) as callers:
            running = [callers.submit(call, start) for start in range(8)]
            for _ in range(2):
                time.sleep(0.1)
                redis_server.kill()
                time.sleep(0.1)
                redis_server.start()
            time.sleep(0.1)
            done.set()
            assert all(each.result(SOON) > 0 for each in running)

        def back() -> bool:
            asked = len(scorer.asked)
            return cached(PAIRS).tolist() == lengths(PAIRS).tolist() and len(scorer.asked) == asked

        assert eventually(back)
    cached.close()


def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_redis(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == "redis":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_redis)
    with pytest.raises(MissingExtraError, match=r"pip install 'llama-index-rerank-tuner\[redis\]'"):
        RedisCache()


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "redis://localhost:port", ""])
def test_a_url_that_is_none_is_an_error(url: str) -> None:
    with pytest.raises(ConfigError, match=r"is no Redis URL .* Give redis://host:6379/0"):
        RedisCache(url)


@pytest.mark.parametrize("settings", [{"ttl": 0}, {"ttl": float("nan")}, {"timeout": 0.0}, {"timeout": -1.0}])
def test_times_that_cannot_work_are_errors(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(settings))} must be at least 0.001 seconds"):
        RedisCache(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://user:p%40ss@cache.example:6379/2", "redis://cache.example:6379/2"),
        ("redis://cache.example:6379/0?password=secret", "redis://cache.example:6379/0"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock"),
    ],
)
def test_the_name_shows_no_password(url: str, name: str) -> None:
    assert RedisCache(url).name == name
