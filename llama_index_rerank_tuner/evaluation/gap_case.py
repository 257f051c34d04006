"""One question's gap before and after, with what is to be said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

RISKY = 0.25
"""A gap of at most this many standard deviations of the contestant's gaps is close to none."""

Status = Literal["wrong order", "risky", "fine"]
Change = Literal["improved", "level", "worse"]
_SAFETY: dict[Status, int] = {"wrong order": 0, "risky": 1, "fine": 2}


@dataclass(frozen=True, slots=True)
class GapCase:
    """One question's two scores under two rerankers, each on its own scale.

    A status is ``wrong order`` where a negative scores higher than the best positive, or the same and stands before it;
    ``risky`` where the gap is at most a quarter (``RISKY``) of the standard deviation of all gaps of that reranker;
    else ``fine``. Where one status is better than the other, so is the case. Where the order is wrong under both, it
    improved with fewer such negatives and is worse with more; in any other case it is level. So no score scale plays a
    part.

    Args:
        query_id: The question.
        query: Its text.
        before: (best positive's score, hardest negative's score) under the first reranker.
        after: The same under the second.
        above: Number of negatives that score higher than the best positive, or the same and stand before it, (before,
            after).
        spreads: Standard deviation of all gaps of the first and of the second reranker; 0 where there is one gap only.
    """

    query_id: str
    query: str
    before: tuple[float, float]
    after: tuple[float, float]
    above: tuple[int, int] = field(default=(0, 0), compare=False)
    spreads: tuple[float, float] = field(default=(0.0, 0.0), compare=False)

    @property
    def gap_before(self) -> float:
        """Positive minus hardest negative under the first reranker."""
        return self.before[0] - self.before[1]

    @property
    def gap_after(self) -> float:
        """Positive minus hardest negative under the second reranker."""
        return self.after[0] - self.after[1]

    @property
    def status_before(self) -> Status:
        """How the first reranker leaves the question."""
        return _status(self.gap_before, self.above[0], self.spreads[0])

    @property
    def status_after(self) -> Status:
        """How the second reranker leaves the question."""
        return _status(self.gap_after, self.above[1], self.spreads[1])

    @property
    def change(self) -> Change:
        """Whether the second reranker serves the question better."""
        safety = _SAFETY[self.status_after] - _SAFETY[self.status_before]
        gain = safety or (self.above[0] - self.above[1])
        return "improved" if gain > 0 else "worse" if gain < 0 else "level"

    def to_dict(self) -> dict[str, Any]:
        """The case as JSON values, what follows from its scores included."""
        return {
            "query_id": self.query_id,
            "query": self.query,
            "before": list(self.before),
            "after": list(self.after),
            "gap_before": self.gap_before,
            "gap_after": self.gap_after,
            "status_before": self.status_before,
            "status_after": self.status_after,
            "above_before": self.above[0],
            "above_after": self.above[1],
            "change": self.change,
        }


def _status(gap: float, above: int, spread: float) -> Status:
    if gap < 0 or above:
        return "wrong order"
    return "risky" if gap <= RISKY * spread else "fine"
