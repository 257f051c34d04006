"""``ScoreCache``: what a place to keep scores must do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class ScoreCache(Protocol):
    """Keeps scores by key; safe to call from several threads.

    Keys are the 32 bytes that ``pair_keys`` makes, scores finite logits. It may forget a score at any time, and must
    never return one that was not put under that key: what it cannot vouch for, it reports as not there. It raises
    what its store raises; ``DegradingCache`` turns that into computing.
    """

    @property
    def name(self) -> str:
        """Name for warnings and reports, without passwords."""

    def get_many(self, keys: Sequence[bytes]) -> list[float | None]:
        """The scores of ``n`` different keys, in order; None where there is none."""

    def put_many(self, items: Mapping[bytes, float]) -> None:
        """Keep the scores, over older ones of the same keys."""

    def close(self) -> None:
        """Let go of files and connections. It may be called twice; the cache is not used after."""
