"""The report as one JSON document: everything that the page, the Markdown and the pictures show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.evaluation.cases import case_browser
from llama_index_rerank_tuner.evaluation.distributions import Distribution, score_distribution
from llama_index_rerank_tuner.evaluation.gap import gap_report
from llama_index_rerank_tuner.evaluation.headroom import headroom
from llama_index_rerank_tuner.evaluation.report.plain import plain
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult
from llama_index_rerank_tuner.evaluation.significance import holm
from llama_index_rerank_tuner.evaluation.slices import slices
from llama_index_rerank_tuner.evaluation.verdict import Verdict

if TYPE_CHECKING:
    from llama_index_rerank_tuner.evaluation.cost import Cost
    from llama_index_rerank_tuner.evaluation.depth import DepthSweep
    from llama_index_rerank_tuner.evaluation.reliability import ReliabilityBin
    from llama_index_rerank_tuner.evaluation.robustness import NoiseRow

SCHEMA = 2
PACKAGE = "llama-index-rerank-tuner"


def report_document(
    result: BenchmarkResult,
    *,
    before: str,
    after: str,
    verdict: Verdict | None = None,
    depth: DepthSweep | None = None,
    noise: Sequence[NoiseRow] | None = None,
    reliability: Sequence[ReliabilityBin] | None = None,
    costs: Mapping[str, Cost] | None = None,
    title: str | None = None,
    metric: str = "nDCG@10",
    created: str | None = None,
) -> dict[str, Any]:
    """Gather what a report shows.

    Args:
        result: The benchmark.
        before: The contestant that ``after`` is compared with, case by case.
        after: The contestant that the report is about.
        verdict: On ``after``; None judges it against the retriever's order and ``before``. The same is then asked for
            every other metric.
        depth: Quality and time by rerank depth.
        noise: Quality on noisy copies.
        reliability: Of the probabilities that ``after`` shows.
        costs: Contestant to its cost.
        title: Heading of the report.
        metric: What the verdict, the slices and the cases are about.
        created: When, as ISO 8601; None for now.

    Returns:
        JSON values only, with ``schema`` 2. A number that is not finite, such as the bounds of an interval over too
        few source documents, is None.

    Raises:
        ConfigError: ``before`` or ``after`` did not compete, they are the same, or the metric was not measured.
    """
    _check(result, before, after, metric)
    opponents = dict.fromkeys((result.reference, before))
    opponents.pop(after, None)
    judged = verdict or result.verdict(after, list(opponents), metric)
    others = [each for each in result.metrics if each != judged.metric]
    document = {
        "schema": SCHEMA,
        "title": title or f"{after} against {before}",
        "created": created or datetime.now(UTC).isoformat(timespec="seconds"),
        "version": version(PACKAGE),
        "metric": metric,
        "metrics": result.metrics,
        "before": before,
        "after": after,
        "reference": result.reference,
        "questions": len(result.queries),
        "groups": len(set(result.groups.values())),
        "without_candidates": result.without_candidates,
        "samples": result.samples,
        "seed": result.seed,
        "verdict": _verdict(judged),
        "verdicts": {
            each: _verdict(result.verdict(judged.contestant, list(judged.differences), each)) for each in others
        },
        "contestants": {name: _scores(result, name) for name in result.contestants},
        "comparisons": _comparisons(result, after, metric),
        "ceiling": result.ceiling,
        "headroom": headroom(result, metric),
        "depth": depth,
        "distributions": {name: _distribution(result, name) for name in (before, after)},
        "gap": gap_report(result, before, after).to_dict(),
        "gains": _gains(result, before, after, metric),
        "reliability": reliability,
        "slices": slices(result, before, after, metric) if result.examples else [],
        "noise": noise,
        "costs": costs,
        "cases": case_browser(result, before, after, metric) if result.examples else [],
    }
    return dict(plain(document))


def load_document(path: str | Path) -> dict[str, Any]:
    """Read a report's JSON.

    Raises:
        DataError: There is no such file, or it holds no report of this schema.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(str(path), "no such file", "Give the report.json that rerank-tuner bench wrote.")
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(str(path), f"not valid JSON ({error})", "Give the report.json of a benchmark.") from error
    return checked(document, str(path))


def checked(document: Any, where: str = "report") -> dict[str, Any]:
    """The document, where it is one of this schema.

    Raises:
        DataError: It is none.
    """
    found = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(document, dict) or found != SCHEMA:
        problem = "not a benchmark report" if found is None else f"a report of schema {found!r}, not {SCHEMA}"
        raise DataError(where, problem, "Run the benchmark again with this version: rerank-tuner bench.")
    if missing := [key for key in ("verdict", "contestants", "gap", "cases") if key not in document]:
        raise DataError(where, f'the report has no "{missing[0]}"', "Run the benchmark again: rerank-tuner bench.")
    return document


def _check(result: BenchmarkResult, before: str, after: str, metric: str) -> None:
    for name in (before, after):
        result.require_contestant(name)
    if before == after:
        raise ConfigError(f"before and after are both {before!r}: give two contestants.")
    if metric not in result.metrics:
        raise ConfigError(f"There is no metric {metric!r}; there are {', '.join(result.metrics)}.")


def _verdict(verdict: Verdict) -> dict[str, Any]:
    names = ("outcome", "contestant", "metric", "reason", "differences", "p_values", "smallest_detectable", "too_small")
    return {name: getattr(verdict, name) for name in names}


def _scores(result: BenchmarkResult, name: str) -> dict[str, Any]:
    return {
        metric: {
            "mean": result.mean(name, metric),
            "change": result.difference(name, result.reference, metric),
            "percent": result.percent_change(name, metric),
        }
        for metric in result.metrics
    }


def _comparisons(result: BenchmarkResult, after: str, metric: str) -> dict[str, Any]:
    """The contestant the report is about against every other one, with p-values corrected for their number."""
    opponents = [name for name in result.contestants if name != after]
    p_values = {name: result.p_value(after, name, metric) for name in opponents}
    corrected = holm(p_values)
    return {
        name: {
            "difference": result.difference(after, name, metric),
            "percent": _percent(result.mean(after, metric).value, result.mean(name, metric).value),
            "p": p_values[name],
            "p_holm": corrected[name],
            "tally": result.tally(after, name, metric),
        }
        for name in opponents
    }


def _percent(after: float, before: float) -> float | None:
    return None if before == 0 else 100 * (after - before) / before


def _distribution(result: BenchmarkResult, name: str) -> Distribution | None:
    """None where nothing came back for any question."""
    return score_distribution(result, name) if any(result.rankings[name].values()) else None


def _gains(result: BenchmarkResult, before: str, after: str, metric: str) -> list[float]:
    """What each question gained, most first."""
    theirs = result.scores[before][metric]
    return sorted((value - theirs[query] for query, value in result.scores[after][metric].items()), reverse=True)
