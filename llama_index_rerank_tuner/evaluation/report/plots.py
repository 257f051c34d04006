"""The benchmark as pictures; needs the ``plot`` extra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.errors import MissingExtraError
from llama_index_rerank_tuner.evaluation.gap import GapCase
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult

POSITIVE, NEGATIVE, NEUTRAL = "#1b7f5c", "#c8553d", "#4a6fa5"
MAX_CASES = 60


def plot_contestants(result: BenchmarkResult, path: str | Path, metric: str = "nDCG@10") -> None:
    """Draw every contestant's mean with its 95 % interval, and the ceiling, as a PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure, axes = _figure(8, 0.6 * len(result.contestants) + 1.8)
    means = [result.mean(name, metric) for name in result.contestants]
    for row, mean in enumerate(means):
        error = [[mean.value - mean.low], [mean.high - mean.value]] if mean.bounded else None
        axes.errorbar(mean.value, row, xerr=error, fmt="o", color=NEUTRAL, capsize=4)
        axes.annotate(
            f"{mean.value:.3f}",
            (mean.high if mean.bounded else mean.value, row),
            (6, 0),
            textcoords="offset points",
            va="center",
        )
    axes.axvline(result.ceiling[metric], color=POSITIVE, linestyle="--", label="ceiling of these candidates")
    axes.axvline(result.mean(result.reference, metric).value, color="0.6", linestyle=":", label=result.reference)
    axes.set_yticks(range(len(means)), result.contestants)
    axes.invert_yaxis()
    axes.set_xlabel(f"{metric}, mean and 95 % interval over {len(result.queries)} questions")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    _save(figure, path)


def plot_gap(cases: Sequence[GapCase], path: str | Path, before: str, after: str) -> None:
    """Draw each case's positive and hardest negative, before and after, as a PNG.

    At most 60 cases are drawn, evenly taken, worst first by the gap afterwards; each panel keeps its model's own scale.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    ordered = sorted(cases, key=lambda case: case.after[0] - case.after[1])
    step = max(1, -(-len(ordered) // MAX_CASES))
    shown = ordered[::step]
    figure, panels = _figure(10, 6, rows=2)
    for axes, name, pairs in zip(
        panels, (before, after), ([c.before for c in shown], [c.after for c in shown]), strict=True
    ):
        _draw_pairs(axes, pairs)
        everyone = [c.before if name == before else c.after for c in cases]
        won = sum(positive > negative for positive, negative in everyone)
        axes.set_title(f"{name}: the positive is above its hardest negative in {won} of {len(cases)} cases", loc="left")
        axes.set_ylabel("score")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    panels[1].set_xlabel(f"{len(shown)} of {len(cases)} cases, smallest gap of {after} first")
    _save(figure, path)


def _draw_pairs(axes: Any, pairs: Sequence[tuple[float, float]]) -> None:
    for row, (positive, negative) in enumerate(pairs):
        axes.plot([row, row], [positive, negative], color="0.8", zorder=1)
    axes.scatter(range(len(pairs)), [p for p, _ in pairs], color=POSITIVE, s=18, label="positive", zorder=2)
    axes.scatter(range(len(pairs)), [n for _, n in pairs], color=NEGATIVE, s=18, label="hardest negative", zorder=2)
    axes.set_xticks([])


def _figure(width: float, height: float, rows: int = 1) -> Any:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Plots need matplotlib.", "plot") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, 1)


def _save(figure: Any, path: str | Path) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(str(path), dpi=150)
