"""The circuit breaker: whether to ask a store that has just failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


class Breaker:
    """Keeps callers from a store that failed, and lets one of them try it after a pause.

    The pause doubles with each try that fails (M. Nygard, Release It!, 2018, chapter 5: Circuit Breaker). Who was
    allowed must report ``succeeded`` or ``failed``.

    Args:
        first_pause: Seconds before the first try.
        longest_pause: Most seconds before a try.
        clock: Seconds that only grow.

    Example:
        >>> now = 0.0
        >>> breaker = Breaker(first_pause=1.0, longest_pause=60.0, clock=lambda: now)
        >>> breaker.allows(), breaker.failed(), breaker.allows()
        (True, True, False)
        >>> now = 1.0
        >>> breaker.allows(), breaker.allows(), breaker.succeeded(), breaker.allows()
        (True, False, True, True)
    """

    def __init__(
        self, first_pause: float = 0.1, longest_pause: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._first_pause, self._longest_pause, self._clock = first_pause, longest_pause, clock
        self._open = self._trying = False
        self._pause = self._next_try = 0.0
        self._lock = Lock()

    def allows(self) -> bool:
        """Whether to ask the store now. While it is out, one caller a pause is told yes."""
        with self._lock:
            if not self._open:
                return True
            if self._trying or self._clock() < self._next_try:
                return False
            self._trying = True
            return True

    def succeeded(self) -> bool:
        """The store answered; True where it had been out."""
        with self._lock:
            was_open = self._open
            self._open = self._trying = False
            return was_open

    def failed(self) -> bool:
        """The store did not answer; True where it had been well until now."""
        with self._lock:
            newly = not self._open
            if newly or self._trying:
                self._pause = self._first_pause if newly else min(2 * self._pause, self._longest_pause)
                self._next_try = self._clock() + self._pause
            self._open, self._trying = True, False
            return newly
