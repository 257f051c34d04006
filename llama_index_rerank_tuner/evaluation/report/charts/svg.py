"""Drawing a plot as SVG text: it needs no library, follows the page's colours, and scales."""

from __future__ import annotations

from functools import singledispatchmethod
from html import escape
from unicodedata import east_asian_width

from llama_index_rerank_tuner.evaluation.report.charts.chart import Bars, Chart, Dots, Line, Mark, Notes, Whiskers

WIDTH = 440
LONGEST_LABEL = 26
_RIGHT, _TOP, _BOTTOM = 18, 14, 30


def svg(chart: Chart) -> str:
    """The plot as one ``<svg>`` element, coloured by the page's classes ``role-…``; data in it is escaped."""
    return _Drawing(chart).text()


class _Drawing:
    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.left = 12 + max((text_width(shortened(text)) for _, text in chart.y.ticks), default=0)
        self.top = _TOP + (16 if chart.y.label else 0)
        self.bottom = chart.height - (_BOTTOM if chart.x.ticks else 10) - (16 if chart.x.label else 0)

    def x(self, value: float) -> float:
        axis = self.chart.x
        return self.left + (value - axis.low) / (axis.high - axis.low) * (WIDTH - _RIGHT - self.left)

    def y(self, value: float) -> float:
        axis = self.chart.y
        return self.bottom - (value - axis.low) / (axis.high - axis.low) * (self.bottom - self.top)

    def text(self) -> str:
        chart = self.chart
        parts = [
            f'<svg viewBox="0 0 {WIDTH} {chart.height}" role="img" aria-label="{escape(chart.title)}">',
            *self._frame(),
            *(piece for mark in chart.marks for piece in self.draw(mark)),
            "</svg>",
        ]
        return "\n".join(parts)

    def _frame(self) -> list[str]:
        right = WIDTH - _RIGHT
        lines = []
        for value, text in self.chart.x.ticks:
            lines.append(_line((self.x(value), self.top), (self.x(value), self.bottom), "grid"))
            lines.append(_text(self.x(value), self.bottom + 16, text, "middle"))
        for value, text in self.chart.y.ticks:
            lines.append(_line((self.left, self.y(value)), (right, self.y(value)), "grid"))
            lines.append(_text(self.left - 6, self.y(value) + 4, shortened(text), "end"))
        if self.chart.x.ticks:
            lines.append(_line((self.left, self.bottom), (right, self.bottom), "frame"))
        lines.append(_text(right, self.chart.height - 6, self.chart.x.label, "end", "label"))
        lines.append(_text(4, _TOP, self.chart.y.label, "start", "label"))
        return lines

    @singledispatchmethod
    def draw(self, mark: Mark) -> list[str]:
        raise NotImplementedError(type(mark).__name__)

    @draw.register
    def _(self, mark: Bars) -> list[str]:
        return [
            f'<rect class="bar role-{mark.role}" x="{self.x(left):.1f}" y="{self.y(top):.1f}" '
            f'width="{self.x(right) - self.x(left):.1f}" height="{max(0.0, self.y(bottom) - self.y(top)):.1f}"/>'
            for left, bottom, right, top in mark.boxes
        ]

    @draw.register
    def _(self, mark: Whiskers) -> list[str]:
        return [
            _line((self.x(x0), self.y(y0)), (self.x(x1), self.y(y1)), f"whisker role-{mark.role}")
            for x0, y0, x1, y1 in mark.spans
        ]

    @draw.register
    def _(self, mark: Line) -> list[str]:
        points = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in mark.points)
        dashed = " dashed" if mark.dashed else ""
        line = f'<polyline class="line role-{mark.role}{dashed}" points="{points}"/>'
        return [line, *(self.draw(Dots(mark.role, mark.points)) if mark.dots else ())]

    @draw.register
    def _(self, mark: Dots) -> list[str]:
        return [
            f'<circle class="dot role-{mark.role}" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="4"/>'
            for x, y in mark.points
        ]

    @draw.register
    def _(self, mark: Notes) -> list[str]:
        return [_text(*self._beside(x, y, text)) for x, y, text in mark.notes]

    def _beside(self, x: float, y: float, text: str) -> tuple[float, float, str, str]:
        """Right of the point, or left of it where the drawing ends."""
        fits = self.x(x) + 6 + text_width(text) <= WIDTH
        return self.x(x) + (6 if fits else -6), self.y(y) - 6, text, "start" if fits else "end"


def shortened(text: str) -> str:
    """A label of at most 26 characters."""
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def text_width(text: str) -> float:
    """About how wide a text is at 12 units high; Chinese characters are square."""
    return sum(12.0 if east_asian_width(each) in "WF" else 6.7 for each in text)


def _line(start: tuple[float, float], end: tuple[float, float], kind: str) -> str:
    return f'<line class="{kind}" x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>' if text else ""
