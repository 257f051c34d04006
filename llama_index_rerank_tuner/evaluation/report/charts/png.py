"""Drawing plots as PNG; needs the ``plot`` extra."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from functools import cache, singledispatch
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.errors import MissingExtraError
from llama_index_rerank_tuner.evaluation.report.charts.chart import Bars, Chart, Dots, Line, Mark, Notes, Whiskers
from llama_index_rerank_tuner.evaluation.report.charts.svg import WIDTH, shortened

logger = logging.getLogger(__name__)

COLOURS = {
    "before": "#8a94a6", "after": "#2563a8", "positive": "#0f766e", "negative": "#d97706",
    "rule": "#6b7280", "s1": "#2563a8", "s2": "#d97706", "s3": "#0f766e", "s4": "#a8326e", "s5": "#6b7280",
    "s6": "#7c5cc4",
}  # fmt: skip
FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi Zen Hei",
)
UNITS_AN_INCH = 62
DOTS_AN_INCH = 150


def png(charts: Sequence[Chart], path: str | Path) -> None:
    """Draw plots above each other into one PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = _figure(sum(chart.height + 40 for chart in charts))
    panels = figure.subplots(len(charts), 1, squeeze=False)[:, 0]
    for axes, chart in zip(panels, charts, strict=True):
        _draw_chart(axes, chart)
    with warnings.catch_warnings():
        # Of each character of a name that no font has: the picture shows a box there.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(str(path), dpi=DOTS_AN_INCH)


def language_in_pictures(language: str) -> str:
    """The language that pictures can be written in: English, and a log line, where no font has Chinese characters.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    _require_matplotlib()
    if language != "zh" or len(_fonts()) > 1:
        return language
    logger.warning("The pictures are in English: no font with Chinese characters is installed (such as %s).", FONTS[0])
    return "en"


def _require_matplotlib() -> None:
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Plots need matplotlib.", "plot") from error


def _figure(height: int) -> Any:
    _require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH * 1.15 / UNITS_AN_INCH, height / UNITS_AN_INCH), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw_chart(axes: Any, chart: Chart) -> None:
    text = {"fontfamily": list(_fonts()), "fontsize": 9}
    for mark in chart.marks:
        draw(mark, axes)
    axes.set_title(chart.title, loc="left", **text | {"fontsize": 10})
    axes.set(xlim=(chart.x.low, chart.x.high), ylim=(chart.y.low, chart.y.high))
    axes.set_xticks([v for v, _ in chart.x.ticks], [t for _, t in chart.x.ticks], **text)
    axes.set_yticks([v for v, _ in chart.y.ticks], [shortened(t) for _, t in chart.y.ticks], **text)
    axes.set_xlabel(chart.x.label, **text)
    axes.set_ylabel(chart.y.label, **text)
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if chart.legend:
        _draw_legend(axes, chart)


def _draw_legend(axes: Any, chart: Chart) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=COLOURS[role], label=label) for role, label in chart.legend]
    font = {"family": list(_fonts()), "size": 8}
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, frameon=False, prop=font)


@cache
def _fonts() -> tuple[str, ...]:
    from matplotlib import font_manager

    if not set(FONTS) & set(font_manager.get_font_names()):
        # One that was installed after matplotlib made its list.
        for path in font_manager.findSystemFonts():
            if "CJK" in path:
                font_manager.fontManager.addfont(path)
    installed = set(font_manager.get_font_names())
    return ("DejaVu Sans", *(name for name in FONTS if name in installed))


@singledispatch
def draw(mark: Mark, axes: Any) -> None:
    """Draw a mark of any kind onto matplotlib axes."""
    raise NotImplementedError(type(mark).__name__)


@draw.register
def _(mark: Bars, axes: Any) -> None:
    lefts, bottoms = [box[0] for box in mark.boxes], [box[1] for box in mark.boxes]
    widths, heights = [box[2] - box[0] for box in mark.boxes], [box[3] - box[1] for box in mark.boxes]
    axes.bar(lefts, heights, widths, bottoms, align="edge", color=COLOURS[mark.role], alpha=0.75)


@draw.register
def _(mark: Whiskers, axes: Any) -> None:
    for x0, y0, x1, y1 in mark.spans:
        axes.plot([x0, x1], [y0, y1], color=COLOURS[mark.role], linewidth=1.6)


@draw.register
def _(mark: Line, axes: Any) -> None:
    axes.plot(
        [x for x, _ in mark.points],
        [y for _, y in mark.points],
        color=COLOURS[mark.role],
        linestyle="--" if mark.dashed else "-",
        marker="o" if mark.dots else None,
        markersize=5,
        clip_on=False,
        linewidth=1.4,
    )


@draw.register
def _(mark: Dots, axes: Any) -> None:
    axes.scatter([x for x, _ in mark.points], [y for _, y in mark.points], color=COLOURS[mark.role], s=28, zorder=3)


@draw.register
def _(mark: Notes, axes: Any) -> None:
    for x, y, text in mark.notes:
        axes.annotate(
            text,
            (x, y),
            (5, 4),
            textcoords="offset points",
            fontsize=8,
            fontfamily=list(_fonts()),
            annotation_clip=True,
        )
