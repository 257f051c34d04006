"""Mining as a picture; needs the ``plot`` extra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.errors import DataError, MissingExtraError
from llama_index_rerank_tuner.mining.report import MiningReport

POSITIVE, NEGATIVE = "#1b7f5c", "#c8553d"
BINS = 30


def plot_scores(report: MiningReport, path: str | Path) -> None:
    """Draw, for every source, how its scores of the positives and of the chosen negatives are spread, as a PNG.

    Where the two hardly differ, the source cannot tell them apart: those negatives are hard, or some are positives that
    nobody marked.

    Args:
        report: Of a run that has just mined; a saved report holds quartiles only.
        path: The picture.

    Raises:
        DataError: No source scored anything.
        MissingExtraError: matplotlib is not installed.
    """
    sources = sorted(source for source, sides in report.scores.items() if any(sides.values()))
    if not sources:
        raise DataError("mining report", "no source scored a positive or a negative", "Plot after generate().")
    figure, panels = _figure(8, 2.4 * len(sources) + 0.6, len(sources))
    for axes, source in zip(panels, sources, strict=True):
        _draw(axes, report.scores[source]["positive"], report.scores[source]["negative"])
        axes.set_title(source, loc="left")
        axes.set_ylabel("share")
    panels[-1].set_xlabel("score, on each source's own scale; lines: medians")
    figure.savefig(str(path), dpi=150)


def _draw(axes: Any, positives: Sequence[float], negatives: Sequence[float]) -> None:
    lowest, highest = min((*positives, *negatives)), max((*positives, *negatives))
    sides = ((positives, POSITIVE, "positives that it found"), (negatives, NEGATIVE, "chosen negatives"))
    for scores, color, label in sides:
        if scores:
            axes.hist(
                scores,
                bins=BINS,
                range=(lowest, highest),
                weights=[1 / len(scores)] * len(scores),
                color=color,
                alpha=0.5,
                label=f"{len(scores)} {label}",
            )
            axes.axvline(sorted(scores)[len(scores) // 2], color=color, linestyle="--")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _figure(width: float, height: float, rows: int) -> Any:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Plots need matplotlib.", "plot") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, 1, squeeze=False)[:, 0])
