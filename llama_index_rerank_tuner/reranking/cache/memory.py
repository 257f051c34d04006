"""A cache in this process: the scores that were used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock

from llama_index_rerank_tuner.errors import ConfigError


class MemoryCache:
    """Keeps the scores that were used last, for as long as the process lives.

    Args:
        max_entries: Most scores kept, about 250 bytes each; None for no limit.

    Raises:
        ConfigError: ``max_entries`` is not positive.

    Example:
        >>> cache = MemoryCache(max_entries=2)
        >>> cache.put_many({b"a": 1.0, b"b": 2.0})
        >>> cache.get_many([b"a"])
        [1.0]
        >>> cache.put_many({b"c": 3.0})
        >>> cache.get_many([b"a", b"b", b"c"])
        [1.0, None, 3.0]
    """

    def __init__(self, max_entries: int | None = 100_000) -> None:
        if max_entries is not None and max_entries < 1:
            raise ConfigError(f"max_entries must be a positive integer or None, got {max_entries}.")
        self.max_entries = max_entries
        self._scores: OrderedDict[bytes, float] = OrderedDict()
        self._lock = Lock()

    @property
    def name(self) -> str:
        """``memory``."""
        return "memory"

    def __len__(self) -> int:
        return len(self._scores)

    def get_many(self, keys: Sequence[bytes]) -> list[float | None]:
        """The scores of ``n`` keys, in order; None where there is none."""
        with self._lock:
            return [self._used(key) for key in keys]

    def put_many(self, items: Mapping[bytes, float]) -> None:
        """Keep the scores; the ones longest unused give way."""
        with self._lock:
            for key, score in items.items():
                self._scores[key] = score
                self._scores.move_to_end(key)
            while self.max_entries is not None and len(self._scores) > self.max_entries:
                self._scores.popitem(last=False)

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._scores.clear()

    def _used(self, key: bytes) -> float | None:
        score = self._scores.get(key)
        if score is not None:
            self._scores.move_to_end(key)
        return score
