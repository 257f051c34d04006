"""A request for scores, and the part of it that goes into one micro-batch."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

Pair = tuple[str, str]


class Request:
    """The pairs of one caller on their way to scores.

    Its future can be cancelled until it holds the scores: what is not yet taken is then never scored, and what is
    being scored is thrown away.

    Args:
        pairs: (query text, passage text) of each.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = pairs
        self.future: Future[NDArray[np.float64]] = Future()
        self._scores = np.empty(len(pairs), dtype=np.float64)
        self._taken = self._scored = 0
        self._settling, self._settled = Lock(), False

    @property
    def waiting(self) -> int:
        """Number of pairs that no batch has taken."""
        return len(self.pairs) - self._taken

    @property
    def over(self) -> bool:
        """Whether nothing needs to be scored any more: it was cancelled, failed or answered."""
        return self.future.done()

    def take(self, most: int) -> Part:
        """The next pairs, at most so many."""
        start = self._taken
        self._taken = min(start + most, len(self.pairs))
        return Part(self, start, self._taken)

    def accept(self, start: int, scores: NDArray[np.float64]) -> None:
        """Put the scores of a part in their place; with the last part the caller is answered."""
        self._scores[start : start + len(scores)] = scores
        self._scored += len(scores)
        if self._scored == len(self.pairs) and self._first_to_settle():
            self.future.set_result(self._scores)

    def fail(self, error: BaseException) -> None:
        """Answer the caller with an error, unless there is an answer already."""
        if self._first_to_settle():
            self.future.set_exception(error)

    def drop(self) -> None:
        """Tell those who wait for a cancelled future that it is cancelled."""
        if self.future.cancelled():
            self._first_to_settle()

    def _first_to_settle(self) -> bool:
        """Whether the future is still to be answered; True only once. A cancelled one is marked as noticed."""
        with self._settling:
            first, self._settled = not self._settled, True
        return first and self.future.set_running_or_notify_cancel()


@dataclass(frozen=True, slots=True)
class Part:
    """Pairs ``start`` to ``end`` of a request."""

    request: Request
    start: int
    end: int

    @property
    def pairs(self) -> Sequence[Pair]:
        """The pairs to score."""
        return self.request.pairs[self.start : self.end]

    def __len__(self) -> int:
        """Number of pairs."""
        return self.end - self.start
