"""``DegradingCache``: a cache that is slow, full or down costs a moment instead of the answer."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from functools import partial
from threading import Lock

from llama_index_rerank_tuner.errors import ConfigError, RerankTunerWarning
from llama_index_rerank_tuner.reranking.cache.breaker import Breaker
from llama_index_rerank_tuner.reranking.cache.protocol import ScoreCache
from llama_index_rerank_tuner.reranking.cache.workers import Workers

READERS, READS_WAITING, WRITES_WAITING = 8, 1024, 256
FLUSH_TIME = 1.0

logger = logging.getLogger(__name__)


class DegradingCache:
    """Wraps a cache so that no call fails, or waits longer than ``patience``, because of it.

    Reading waits at most ``patience``; what has not come by then is reported as not there, so that it is computed.
    Writing happens in the background and is dropped where too much of it waits. After a failure the cache is left
    alone, for 0.1 s at first and up to 30 s, until a single try succeeds. The first failure gives one warning (in the
    thread of a caller); later ones, and every return, are logged at level INFO.

    Args:
        cache: The cache, such as ``RedisCache`` or ``SqliteCache``.
        patience: Longest wait for an answer, in seconds; 0.04 leaves time to wake up within 50 ms.
        first_pause: Seconds without the cache after its first failure.
        longest_pause: Most seconds without the cache between two tries.

    Raises:
        ConfigError: ``patience`` is not positive.

    Example:
        >>> class Down:
        ...     name = "down"
        ...     def get_many(self, keys):
        ...         raise ConnectionError("no route to host")
        >>> with warnings.catch_warnings(record=True, action="always") as given:
        ...     DegradingCache(Down()).get_many([b"a", b"b"])
        [None, None]
        >>> print(given[0].message)
        The score cache down fails when read (ConnectionError: no route to host): scores are computed instead, which \
is slower and as right. It is tried again by itself.
    """

    def __init__(
        self, cache: ScoreCache, patience: float = 0.04, *, first_pause: float = 0.1, longest_pause: float = 30.0
    ) -> None:
        if not 0 < patience < float("inf"):
            raise ConfigError(f"patience must be a positive number of seconds, got {patience}.")
        self._cache, self.patience = cache, patience
        self._reading, self._writing = (Breaker(first_pause, longest_pause) for _ in range(2))
        self._readers = Workers("rerank-cache-read", READERS, READS_WAITING)
        self._writers = Workers("rerank-cache-write", 1, WRITES_WAITING)
        self._warned, self._to_tell = False, ""
        self._lock = Lock()

    @property
    def name(self) -> str:
        """Name of the wrapped cache."""
        return self._cache.name

    def get_many(self, keys: Sequence[bytes]) -> list[float | None]:
        """The scores of ``n`` keys, in order; None where there is none, or none could be had in time."""
        found = self._read(list(keys)) if keys and self._reading.allows() else None
        self._tell()
        return [None] * len(keys) if found is None else found

    def put_many(self, items: Mapping[bytes, float]) -> None:
        """Keep the scores, in the background."""
        if items and self._writing.allows() and self._writers.submit(partial(self._write, dict(items))) is None:
            wrong = "is closed" if self._writers.closed else "cannot keep up with what is written"
            self._failed(self._writing, wrong)
        self._tell()

    def flush(self, timeout: float = FLUSH_TIME) -> bool:
        """Wait until what was put before is written or given up; False where that takes longer than ``timeout``."""
        return self._in_writer(lambda: None, timeout)

    def close(self) -> None:
        """Write what waits, within a second, close the cache and let the threads end."""
        self._readers.close()
        self._in_writer(self._cache.close, FLUSH_TIME)
        self._writers.close()

    def _read(self, keys: list[bytes]) -> list[float | None] | None:
        try:
            found = self._answer(keys)
        except Exception as error:
            self._failed(self._reading, _reason("read", error))
            return None
        except BaseException:
            self._reading.failed()
            raise
        self._succeeded(self._reading, "read")
        return found

    def _answer(self, keys: list[bytes]) -> list[float | None]:
        job = self._readers.submit(lambda: self._cache.get_many(keys))
        if job is None:
            raise _GivenUpError("is closed" if self._readers.closed else "has too many callers waiting")
        try:
            found = job.result(self.patience)
        except TimeoutError:
            if not job.done():
                job.cancel()
                raise _GivenUpError(f"does not answer within {self.patience * 1000:g} ms") from None
            found = job.result()
        if len(found) != len(keys):
            raise _GivenUpError(f"answers {len(keys)} keys with {len(found)} scores")
        return found

    def _write(self, items: dict[bytes, float]) -> None:
        try:
            self._cache.put_many(items)
        except Exception as error:
            self._failed(self._writing, _reason("written", error))
        else:
            self._succeeded(self._writing, "written")

    def _in_writer(self, job: Callable[[], None], timeout: float) -> bool:
        future = self._writers.submit(job)
        if future is None:
            return False
        return not wait([future], timeout).not_done

    def _failed(self, breaker: Breaker, wrong: str) -> None:
        if not breaker.failed():
            return
        message = (
            f"The score cache {self.name} {wrong}: scores are computed instead, which is slower and as right. "
            "It is tried again by itself."
        )
        with self._lock:
            first, self._warned = not self._warned, True
            if first:
                self._to_tell = message
        if not first:
            logger.info(message)

    def _succeeded(self, breaker: Breaker, done: str) -> None:
        if breaker.succeeded():
            logger.info("The score cache %s can be %s again.", self.name, done)

    def _tell(self) -> None:
        """Give the one warning, in the thread of a caller: one that is turned into an error must not kill a worker."""
        if not self._to_tell:
            return
        with self._lock:
            message, self._to_tell = self._to_tell, ""
        if message:
            warnings.warn(message, RerankTunerWarning, stacklevel=3)


class _GivenUpError(Exception):
    """The cache was left alone; says what it did."""


def _reason(done: str, error: Exception) -> str:
    return str(error) if isinstance(error, _GivenUpError) else f"fails when {done} ({type(error).__name__}: {error})"
