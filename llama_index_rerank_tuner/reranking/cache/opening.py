"""From the name of a place to the caches that keep scores there."""

from __future__ import annotations

from pathlib import Path

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.reranking.cache.memory import MemoryCache
from llama_index_rerank_tuner.reranking.cache.protocol import ScoreCache
from llama_index_rerank_tuner.reranking.cache.redis_cache import RedisCache
from llama_index_rerank_tuner.reranking.cache.sqlite import SqliteCache

_REDIS = ("redis://", "rediss://", "unix://")
_FILE_ENDS = (".sqlite", ".sqlite3", ".db")


def open_caches(place: str | Path) -> list[ScoreCache]:
    """The caches of a place, the nearest first: memory, and behind it the place itself.

    Args:
        place: ``memory``; the path of a SQLite file that ends in ``.sqlite``, ``.sqlite3`` or ``.db``; or the URL of a
            Redis server (``redis://``, ``rediss://``, ``unix://``).

    Raises:
        ConfigError: It is none of these.
        MissingExtraError: A Redis URL is given and the ``redis`` extra is not installed.

    Example:
        >>> [each.name for each in open_caches("memory")]
        ['memory']
    """
    if place == "memory":
        return [MemoryCache()]
    if isinstance(place, str) and place.startswith(_REDIS):
        return [MemoryCache(), RedisCache(place)]
    if Path(place).suffix in _FILE_ENDS:
        return [MemoryCache(), SqliteCache(place)]
    raise ConfigError(
        f"cache={str(place)!r} is no place for scores. Give 'memory', a file such as 'scores.sqlite', or a URL such as "
        "'redis://localhost:6379/0'."
    )
