"""The line in front of the scorer: who is served next, how much of it, and when the line is full."""

from __future__ import annotations

from collections import deque

from llama_index_rerank_tuner.errors import OverloadedError
from llama_index_rerank_tuner.reranking.queue.requests import Part, Request


class Line:
    """Requests that wait for their turn: first come, first served, in turns of at most one micro-batch.

    A request that fits into a batch is never cut: requests of a usual size come out whole, in the order in which they
    came, which answers them sooner on average than serving all of them a little at a time. A larger request takes one
    batch, or what is left of one, and then goes to the end of the line, so that whoever came meanwhile is served
    before its next turn. Newcomers always stand behind those who are there, and every batch starts with the one in
    front, so nobody starves (round robin by a quantum, as in Shreedhar and Varghese, "Efficient Fair Queueing Using
    Deficit Round-Robin", SIGCOMM 1995).

    Not safe to use from several threads without a lock.

    Args:
        max_pairs: Most pairs of a batch.
        max_queued_pairs: Most pairs that may wait.
    """

    def __init__(self, max_pairs: int, max_queued_pairs: int) -> None:
        self.max_pairs, self.max_queued_pairs = max_pairs, max_queued_pairs
        self._requests: deque[Request] = deque()
        self._pairs = 0

    @property
    def pairs(self) -> int:
        """Number of pairs that wait."""
        return self._pairs

    def __len__(self) -> int:
        """Number of requests that wait."""
        return len(self._requests)

    def add(self, request: Request) -> None:
        """Put a request at the end.

        Raises:
            OverloadedError: Too much waits. On an empty line a request of any size is taken.
        """
        if self._pairs + request.waiting > self.max_queued_pairs:
            self.sweep()
        if self._pairs and self._pairs + request.waiting > self.max_queued_pairs:
            raise OverloadedError(
                f"{self._pairs} pairs of {len(self._requests)} calls wait to be scored; {request.waiting} more would "
                f"pass max_queued_pairs={self.max_queued_pairs}. Try again later, rerank fewer candidates, or allow "
                "more to wait."
            )
        self._requests.append(request)
        self._pairs += request.waiting

    def take(self) -> list[Part]:
        """The parts of the next batch, one a request; empty when nobody waits."""
        batch: list[Part] = []
        room = self.max_pairs
        while self._requests and room:
            if not self._requests[0].over and room < self._requests[0].waiting <= self.max_pairs:
                break
            request = self._requests.popleft()
            self._pairs -= request.waiting
            if request.over:
                request.drop()
                continue
            batch.append(request.take(room))
            room -= len(batch[-1])
            if request.waiting:
                self._requests.append(request)
                self._pairs += request.waiting
        return batch

    def sweep(self) -> None:
        """Forget the requests that their callers gave up."""
        for request in self._requests:
            request.drop()
        self._requests = deque(request for request in self._requests if not request.over)
        self._pairs = sum(request.waiting for request in self._requests)

    def clear(self) -> list[Request]:
        """Take out all requests."""
        requests = list(self._requests)
        self._requests.clear()
        self._pairs = 0
        return requests
