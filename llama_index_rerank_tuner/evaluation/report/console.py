"""The benchmark as a table of text."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index_rerank_tuner.evaluation.result import BenchmarkResult
from llama_index_rerank_tuner.evaluation.statistics import Estimate


def benchmark_table(result: BenchmarkResult, metrics: Sequence[str] | None = None) -> str:
    """A Markdown table: every contestant's mean, and its change against the reference with the 95 % interval.

    Args:
        result: What was measured.
        metrics: Which metrics; None for all.
    """
    chosen = list(metrics or result.metrics)
    rows = [["", *chosen]]
    for name in result.contestants:
        rows.append([name, *(_interval(result.mean(name, metric)) for metric in chosen)])
    rows.append([f"change against {result.reference}", *("" for _ in chosen)])
    for name in result.contestants:
        if name != result.reference:
            rows.append([name, *(_change(result, name, metric) for metric in chosen)])
    rows.append(["ceiling (candidates in ideal order)", *(f"{result.ceiling[metric]:.3f}" for metric in chosen)])
    return _aligned(rows)


def benchmark_summary(result: BenchmarkResult) -> str:
    """One line: how many questions, documents, and empty retrievals."""
    empty = (
        f"; {result.without_candidates} questions retrieved nothing and score 0" if result.without_candidates else ""
    )
    return f"{len(result.queries)} questions from {len(set(result.groups.values()))} groups{empty}"


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} {_bounds(estimate, '.3f')}"


def _change(result: BenchmarkResult, name: str, metric: str) -> str:
    change = result.difference(name, result.reference, metric)
    percent = result.percent_change(name, metric)
    shown = "n/a" if percent is None else f"{percent:+.1f} %"
    return f"{change.value:+.3f} {_bounds(change, '+.3f')} ({shown})"


def _bounds(estimate: Estimate, form: str) -> str:
    return f"[{estimate.low:{form}}, {estimate.high:{form}}]" if estimate.bounded else "[no interval]"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
