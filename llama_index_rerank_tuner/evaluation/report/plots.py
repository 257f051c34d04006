"""Single plots as PNG, straight from what was measured; needs the ``plot`` extra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llama_index_rerank_tuner.evaluation.gap import GapCase
from llama_index_rerank_tuner.evaluation.report.charts.png import language_in_pictures, png
from llama_index_rerank_tuner.evaluation.report.charts.quality import contestants_chart
from llama_index_rerank_tuner.evaluation.report.charts.scores import pairs_chart
from llama_index_rerank_tuner.evaluation.report.plain import plain
from llama_index_rerank_tuner.evaluation.report.words import words
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult


def plot_contestants(result: BenchmarkResult, path: str | Path, metric: str = "nDCG@10") -> None:
    """Draw every contestant's mean with its 95 % interval, and the ceiling, as a PNG.

    Raises:
        ConfigError: The metric was not measured.
        MissingExtraError: matplotlib is not installed.
    """
    document = {
        "metric": metric,
        "questions": len(result.queries),
        "before": result.reference,
        "after": result.contestants[-1],
        "contestants": {name: {metric: {"mean": result.mean(name, metric)}} for name in result.contestants},
        "ceiling": result.ceiling,
    }
    png([contestants_chart(plain(document))], path)


def plot_gap(cases: Sequence[GapCase], path: str | Path, before: str, after: str, language: str = "en") -> None:
    """Draw both scores of each case, the positive's and its hardest negative's, before and after, as bars in a PNG.

    At most 24 cases are drawn, evenly taken, smallest gap afterwards first; each panel keeps its model's own scale.

    Args:
        cases: See ``gap_cases``.
        path: The picture.
        before: Name of the first reranker.
        after: Name of the second.
        language: Of the words: ``en`` or ``zh``, English all the same where no font has Chinese characters.

    Raises:
        ConfigError: There is no such language.
        MissingExtraError: matplotlib is not installed.
    """
    words(language)
    say = words(language_in_pictures(language))
    pairs = [{"before": case.before, "after": case.after} for case in cases]
    png([pairs_chart(pairs, name, side, say) for name, side in ((before, "before"), (after, "after"))], path)
