"""Drawing: the order in which a window's passages are tried, and how many places each share gets."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeVar

ItemT = TypeVar("ItemT")

Sampling = Literal["hardest", "uniform", "log_rank"]


def drawn(window: Sequence[ItemT], count: int, sampling: Sampling, rng: random.Random) -> Iterator[ItemT]:
    """Every item of a window in the order in which it is to be tried.

    Args:
        window: Items, hardest first.
        count: How many are wanted; the others follow for where some of these are refused.
        sampling: ``hardest`` keeps the order; ``uniform`` draws evenly; ``log_rank`` draws with weight
            ``1 / log2(1 + place)``, nDCG's discount, which prefers the top without taking only it.
        rng: Draws.

    Example:
        >>> list(drawn("abcd", 2, "hardest", random.Random(0)))
        ['a', 'b', 'c', 'd']
        >>> sorted(drawn("abcd", 2, "log_rank", random.Random(0)))
        ['a', 'b', 'c', 'd']
    """
    if sampling == "hardest":
        yield from window
    elif sampling == "log_rank":
        yield from _weighted(window, rng)
    else:
        places = rng.sample(range(len(window)), min(len(window), count))
        yield from (window[place] for place in places)
        others = sorted({*range(len(window))} - {*places})
        yield from shuffled([window[place] for place in others], rng)


def shuffled(items: Sequence[ItemT], rng: random.Random) -> Iterator[ItemT]:
    """The items in the order of ``rng.sample(items, len(items))``, made as far as it is read.

    A large corpus need not be shuffled for every question to draw one passage of it.
    """
    moved: dict[int, int] = {}
    for left in range(len(items), 0, -1):
        place = rng.randrange(left)
        yield items[moved.get(place, place)]
        moved[place] = moved.get(left - 1, left - 1)


def apportioned(shares: Mapping[str, float], count: int, rng: random.Random) -> dict[str, int]:
    """Divide ``count`` places by shares: each name gets its exact part rounded down or up, and that part on average.

    Example:
        >>> apportioned({"bm25": 3, "dense": 1}, 4, random.Random(0))
        {'bm25': 3, 'dense': 1}
    """
    offset, total, before, sum_of_shares = rng.random(), 0.0, 0, math.fsum(shares.values())
    places = {}
    for name, share in shares.items():
        total += share
        # Rounded, so that exact parts such as 3 of 4 are not missed by a float's last bit.
        until = math.floor(round(count * total / sum_of_shares, 9) + offset)
        places[name] = until - before
        before = until
    return places


def _weighted(window: Sequence[ItemT], rng: random.Random) -> list[ItemT]:
    """Weighted order without replacement: greatest ``log(u) / weight`` first (Efraimidis and Spirakis 2006)."""
    keys = [math.log(1.0 - rng.random()) * math.log2(2 + place) for place in range(len(window))]
    return [window[place] for place in sorted(range(len(window)), key=lambda place: -keys[place])]
