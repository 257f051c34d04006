"""What a plot is made of, before anything draws it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Literal

Role = Literal["before", "after", "positive", "negative", "rule", "s1", "s2", "s3", "s4", "s5", "s6"]
"""What a mark stands for; every drawer has a colour for it."""

SERIES: tuple[Role, ...] = ("s1", "s2", "s3", "s4", "s5", "s6")
Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis: its range, and labelled ticks inside it."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Filled boxes, each (left, bottom, right, top)."""

    role: Role
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Whiskers:
    """Intervals, each a straight line from (x, y) to (x, y)."""

    role: Role
    spans: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points, with a dot on each where ``dots``."""

    role: Role
    points: tuple[Point, ...]
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Dots:
    """Single points."""

    role: Role
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Notes:
    """Short texts, each just above and to the right of (x, y)."""

    notes: tuple[tuple[float, float, str], ...]


Mark = Bars | Whiskers | Line | Dots | Notes


@dataclass(frozen=True, slots=True)
class Chart:
    """One plot.

    Args:
        name: Of its file, without ending.
        title: What it shows, as a person would say it.
        x: Horizontal axis.
        y: Vertical axis.
        marks: What is drawn, the first at the back.
        legend: Role and what it stands for.
        height: Of the drawing, where its width is 440.
    """

    name: str
    title: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    legend: tuple[tuple[Role, str], ...] = ()
    height: int = 240


def axis(values: Iterable[float], label: str = "", *, zero: bool = False, ticks: int = 5) -> Axis:
    """An axis around values, with round ticks.

    Args:
        values: What must fit on it; what is not finite is passed over.
        label: What it measures.
        zero: Whether 0 must be on it.
        ticks: About how many.

    Example:
        >>> [text for _, text in axis([0.12, 0.87]).ticks]
        ['0.2', '0.4', '0.6', '0.8']
    """
    finite = [value for value in values if isfinite(value)] + ([0.0] if zero else [])
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    margin = 0.04 * (high - low)
    low, high = (0.0 if zero and low == 0 else low - margin), (0.0 if zero and high == 0 else high + margin)
    step = _round_step((high - low) / ticks)
    first, last = -floor(-low / step), floor(high / step)
    digits = max(0, -floor(log10(step) + 1e-9))
    return Axis(low, high, tuple((n * step, f"{n * step + 0.0:.{digits}f}") for n in range(first, last + 1)), label)


def rows_axis(names: Iterable[str]) -> Axis:
    """A vertical axis of named rows, the first on top: row ``i`` of ``n`` stands at ``n - 1 - i``."""
    listed = list(names)
    return Axis(-0.6, len(listed) - 0.4, tuple((len(listed) - 1 - i, name) for i, name in enumerate(listed)))


def _round_step(rough: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** floor(log10(rough))
    return float(next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999) * power)
