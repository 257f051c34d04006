"""Headroom: how much better than the retriever's order any reranker could be on these candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llama_index_rerank_tuner.evaluation.result import BenchmarkResult

LITTLE = 0.05
"""Room under which no reranker can gain much, in the metric's own unit."""

NEARLY_ALL = 0.95
"""Share of the possible, or of the ceiling, that counts as nearly all of it."""


@dataclass(frozen=True, slots=True)
class Headroom:
    """What the candidates allow, and how much of it each contestant reaches.

    Args:
        ceiling: Mean that an ideal order of the candidates would reach; positives that retrieval missed keep it
            under 1.
        reference: Mean of the retriever's own order.
        shares: Contestant to its mean as a share of the ceiling; None where the ceiling is 0.
        advice: What to do next, in words.
    """

    ceiling: float
    reference: float
    shares: Mapping[str, float | None]
    advice: str

    @property
    def room(self) -> float:
        """What an ideal reranker would add to the retriever's order."""
        return self.ceiling - self.reference


def headroom(result: BenchmarkResult, metric: str = "nDCG@10") -> Headroom:
    """How far retrieval lets a reranker come.

    Args:
        result: What was measured.
        metric: One of its metrics.

    Raises:
        ConfigError: The metric was not measured.

    Example:
        >>> from llama_index_rerank_tuner.dataset import RerankDataset
        >>> from llama_index_rerank_tuner.evaluation import RerankBenchmark
        >>> from llama_index_rerank_tuner.records import Passage, RerankExample
        >>> offices, fees = Passage("Offices open at nine.", "n1"), Passage("The fee is 20.", "n2", label=1.0)
        >>> question = RerankExample("q1", "What does it cost?", (fees,), candidates=(offices, fees))
        >>> found = headroom(RerankBenchmark(RerankDataset.build([question]), {}, metrics=["MRR"]).run(), "MRR")
        >>> found.ceiling, found.reference, found.shares
        (1.0, 0.5, {'retriever': 0.5})
    """
    means = {name: result.mean(name, metric).value for name in result.contestants}
    ceiling, reference = result.ceiling[metric], means[result.reference]
    shares = {name: mean / ceiling if ceiling else None for name, mean in means.items()}
    best = max((name for name in means if name != result.reference), key=lambda name: means[name], default=None)
    return Headroom(ceiling, reference, shares, _advice(metric, ceiling, reference, best, means))


def _advice(metric: str, ceiling: float, reference: float, best: str | None, means: Mapping[str, float]) -> str:
    if ceiling == 0:
        return "Improve retrieval first: it finds no relevant passage for any question, so there is nothing to rerank."
    missed = f"an ideal order of these candidates reaches {metric} {ceiling:.3f}"
    if ceiling - reference < LITTLE and ceiling >= NEARLY_ALL:
        return (
            f"There is little left to gain: {missed}, and the retriever's own order {reference:.3f}. Harder questions "
            "would tell rerankers apart."
        )
    if ceiling - reference < LITTLE:
        return (
            f"Improve retrieval first: {missed}, and the retriever's own order already {reference:.3f}; the rest is "
            "in passages that it misses. Retrieve more candidates, or with a second retriever."
        )
    if best is not None and means[best] >= NEARLY_ALL * ceiling and ceiling < NEARLY_ALL:
        return (
            f"Improve retrieval first: {missed}, and {best} already {means[best]:.3f}; what is still missing is in "
            "passages that were not retrieved."
        )
    return f"There is room for a better reranker: {missed}, the retriever's own order {reference:.3f}" + (
        "." if best is None else f", {best} {means[best]:.3f}."
    )
