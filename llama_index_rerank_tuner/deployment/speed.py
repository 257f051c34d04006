"""How many pairs a second a scorer scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

from llama_index_rerank_tuner.protocols import Scorer


def median_speed(
    scorer: Scorer,
    lists: Sequence[Sequence[tuple[str, str]]],
    passes: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Pairs a second, list by list as they are served: the median of a few passes.

    Args:
        scorer: What scores them; warm, if the first call is slower.
        lists: Lists of pairs.
        passes: How often all of them are scored.
        clock: Tells the time in seconds.

    Example:
        >>> seconds = iter([0.0, 2.0, 10.0, 11.0, 20.0, 29.0])
        >>> median_speed(lambda pairs: None, [[("q", "a"), ("q", "b")]], passes=3, clock=lambda: next(seconds))
        1.0
    """
    taken = []
    for _ in range(passes):
        start = clock()
        for each in lists:
            scorer(each)
        taken.append(clock() - start)
    return sum(map(len, lists)) / max(median(taken), 1e-9)
