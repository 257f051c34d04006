"""A cache in Redis: scores shared by several machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llama_index_rerank_tuner.errors import ConfigError, MissingExtraError
from llama_index_rerank_tuner.reranking.cache.entries import packed, unpacked

if TYPE_CHECKING:
    from redis import Redis

DAY = 24 * 3600


class RedisCache:
    """Keeps scores in a Redis server, or one that speaks its protocol; Redis Cluster is not supported.

    One ``MGET`` a call reads and one pipeline writes. Nothing is sent before the first call, and a call raises what
    redis-py raises when the server does not answer in time: wrap it in ``DegradingCache`` (``CachedScorer`` does).
    What holds no whole entry, or one of another key, is as good as not there, and written over.

    Args:
        url: Such as ``redis://localhost:6379/0``, ``rediss://…`` with TLS, or ``unix:///run/redis.sock``.
        ttl: Seconds after which a score is forgotten; None leaves that to the server's eviction policy.
        namespace: Start of every key, so that several applications share a server.
        timeout: Seconds that connecting, and any one answer, may take.
        max_connections: Most connections at once; further threads fail instead of waiting.

    Raises:
        MissingExtraError: The ``redis`` extra is not installed.
        ConfigError: The URL, the TTL or the timeout cannot work.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379/0",
        *,
        ttl: float | None = 30 * DAY,
        namespace: str = "rerank-tuner",
        timeout: float = 0.04,
        max_connections: int = 64,
    ) -> None:
        for name, value in (("ttl", ttl), ("timeout", timeout)):
            if value is not None and not 0.001 <= value < float("inf"):
                raise ConfigError(f"{name} must be at least 0.001 seconds, got {value}.")
        self.name = _without_password(url)
        self.ttl = ttl
        self._prefix = f"{namespace}:".encode()
        self._redis = _client(url, timeout, max_connections)

    def get_many(self, keys: Sequence[bytes]) -> list[float | None]:
        """The scores of ``n`` keys, in order; None where there is none.

        Raises:
            redis.RedisError: The server is down, or did not answer in time.
        """
        if not keys:
            return []
        entries: Any = self._redis.mget([self._prefix + key for key in keys])
        return [unpacked(key, entry) for key, entry in zip(keys, entries, strict=True)]

    def put_many(self, items: Mapping[bytes, float]) -> None:
        """Keep the scores.

        Raises:
            redis.RedisError: The server is down or full, or did not answer in time.
        """
        if not items:
            return
        milliseconds = None if self.ttl is None else round(self.ttl * 1000)
        with self._redis.pipeline(transaction=False) as pipeline:
            for key, score in items.items():
                pipeline.set(self._prefix + key, packed(key, score), px=milliseconds)
            pipeline.execute()

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
        self._redis.connection_pool.disconnect()


def _client(url: str, timeout: float, max_connections: int) -> Redis:
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise MissingExtraError("The Redis cache needs the 'redis' extra.", "redis") from error
    try:
        # RESP2 needs no handshake; a retry would take the caller's time twice.
        return redis.Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            max_connections=max_connections,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{_without_password(url)!r} is no Redis URL ({error}). Give redis://host:6379/0.") from error


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
