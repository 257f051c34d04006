"""Depth: how many candidates to rerank, and how many to keep, as quality against time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.benchmark import RETRIEVER, RerankBenchmark, require_candidates
from llama_index_rerank_tuner.evaluation.cost import latency
from llama_index_rerank_tuner.evaluation.drawing import drawn
from llama_index_rerank_tuner.evaluation.replay import replay
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult
from llama_index_rerank_tuner.evaluation.statistics import Estimate

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

DEPTHS = (5, 10, 20, 50, 100)

KEPT_QUALITY = 0.99
"""Share of the best depth's mean that a shallower one must keep to be recommended."""

KEPT_POSITIVES = 0.95
"""Share of the positives within reach that the first ``top_n`` must hold."""

MOST_KEPT = 10
"""Largest ``top_n`` that is recommended: what goes to the language model is paid for with every question."""


@dataclass(frozen=True, slots=True)
class DepthRow:
    """One contestant over the first candidates.

    Args:
        contestant: Its name.
        depth: Candidates of a question that it reranked, from the first.
        mean: Mean of the metric over the questions, with its interval.
        p50: Median seconds a question; 0 for the retriever.
        p95: 95th percentile of the same.
    """

    contestant: str
    depth: int
    mean: Estimate
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to set in the app.

    Args:
        similarity_top_k: How many candidates to retrieve and rerank.
        top_n: How many of them to keep.
        reason: Why, with the figures.
    """

    similarity_top_k: int
    top_n: int
    reason: str


@dataclass(frozen=True, slots=True)
class DepthSweep:
    """Every contestant at every depth, and what follows from it.

    Args:
        rows: Depth by depth, contestants in their order.
        recommended: For the contestant that was best at any depth.
        metric: What ``mean`` is the mean of.
    """

    rows: Sequence[DepthRow]
    recommended: Recommendation
    metric: str = "nDCG@10"


def depth_sweep(
    dataset: RerankDataset,
    rerankers: Mapping[str, BaseNodePostprocessor],
    depths: Sequence[int] = DEPTHS,
    metric: str = "nDCG@10",
    questions: int | None = None,
    *,
    journal: str | Path | None = None,
    show_progress: bool = False,
    samples: int = 5000,
    seed: int = 0,
) -> DepthSweep:
    """Run the benchmark at several depths.

    The recommended depth is the smallest whose mean is at least 99 % of the best depth's, for the contestant that was
    best at any depth. The recommended ``top_n`` is the smallest, up to 10, whose first passages hold at least 95 % of
    the positives that stand among that contestant's candidates (a mean over the questions that have any there).
    Choose on validation questions where the test questions are to judge what was chosen.

    Args:
        dataset: Test questions with ``candidates``, as many as the largest depth.
        rerankers: Name to node postprocessor, each with a ``top_n`` of at least 10 and of the metric's cutoff. Each is
            asked one question before anything is timed.
        depths: How many candidates to rerank. Depths beyond the longest list are measured once, as that list's length.
        metric: A metric name.
        questions: Questions drawn for it, because every depth reranks anew; None for all.
        journal: File that remembers answers and their times, as in ``RerankBenchmark``.
        show_progress: Show progress bars.
        samples: Bootstrap samples of every interval.
        seed: Seed of the drawing and of the bootstrap.

    Raises:
        ConfigError: There is no depth, a number is not positive, or a question was never given candidates.
        DataError: A question has no positive.

    Example:
        >>> from llama_index_rerank_tuner.records import Passage, RerankExample
        >>> offices, fees = Passage("Offices open at nine.", "n1"), Passage("The fee is 20.", "n2", label=1.0)
        >>> question = RerankExample("q1", "What does it cost?", (fees,), candidates=(offices, fees))
        >>> sweep = depth_sweep(RerankDataset.build([question]), {}, depths=[1, 2], metric="MRR")
        >>> [(row.depth, row.mean.value) for row in sweep.rows], sweep.recommended.similarity_top_k
        ([(1, 0.0), (2, 0.5)], 2)
    """
    dataset = drawn(dataset, questions, seed)
    require_candidates(dataset)
    reached = _reached(depths, dataset)
    _warm_up(dataset, rerankers)
    results = {
        depth: RerankBenchmark(
            dataset,
            rerankers,
            depth=depth,
            journal=journal,
            metrics=[metric],
            show_progress=show_progress,
            samples=samples,
            seed=seed,
        ).run()
        for depth in reached
    }
    rows = [
        DepthRow(name, depth, result.mean(name, metric), *latency(result, name))
        for depth, result in results.items()
        for name in result.contestants
    ]
    return DepthSweep(rows, _recommend(rows, results, metric), metric)


def _reached(depths: Sequence[int], dataset: RerankDataset) -> list[int]:
    """The depths to measure, each once, none beyond the longest list."""
    if not depths or min(depths) < 1:
        raise ConfigError(f"depths must be positive numbers of candidates, got {list(depths)}.")
    longest = max(len(example.candidates or ()) for example in dataset)
    return sorted({min(depth, max(longest, 1)) for depth in depths})


def _warm_up(dataset: RerankDataset, rerankers: Mapping[str, BaseNodePostprocessor]) -> None:
    """Ask each reranker one question: the first call often loads or compiles what the later ones find ready."""
    example = max(dataset, key=lambda each: len(each.candidates or ()))
    for reranker in rerankers.values():
        replay(example, reranker)


def _recommend(rows: Sequence[DepthRow], results: Mapping[int, BenchmarkResult], metric: str) -> Recommendation:
    # Of equals the retriever comes first, which costs nothing, and the smaller depth.
    best = max(rows, key=lambda row: (row.mean.value, row.contestant == RETRIEVER, -row.depth))
    own = [row for row in rows if row.contestant == best.contestant]
    chosen = next(row for row in own if row.mean.value >= KEPT_QUALITY * best.mean.value)
    top_n, held = _top_n(results[chosen.depth], chosen.contestant)
    if best.contestant == RETRIEVER:
        why = (
            f"no reranker was above the retriever's own order ({metric} {best.mean.value:.3f}), so nothing is reranked"
        )
        chosen_depth = min(top_n, chosen.depth)
    else:
        chosen_depth = chosen.depth
        deeper = "" if chosen is best else f"; its best is {_in_words(best)}"
        why = f"{best.contestant} reaches {metric} {_in_words(chosen)}{deeper}"
    return Recommendation(chosen_depth, min(top_n, chosen_depth), f"{why}. {_why_top_n(top_n, held)}")


def _in_words(row: DepthRow) -> str:
    return f"{row.mean.value:.3f} over {row.depth} candidates in {1000 * row.p50:.0f} ms (median)"


def _why_top_n(top_n: int, held: float | None) -> str:
    if held is None:
        return "No candidate is relevant to any question, so nothing can be said of top_n."
    return f"The first {top_n} hold {100 * held:.0f} % of the relevant passages among the candidates."


def _top_n(result: BenchmarkResult, contestant: str) -> tuple[int, float | None]:
    """The smallest number that keeps enough of the positives within reach, and the share that it keeps."""
    shares: list[float | None] = [_held(result, contestant, top_n) for top_n in range(1, MOST_KEPT + 1)]
    for top_n, share in enumerate(shares, start=1):
        if share is not None and share >= KEPT_POSITIVES:
            return top_n, share
    return MOST_KEPT, shares[-1]


def _held(result: BenchmarkResult, contestant: str, top_n: int) -> float | None:
    """Mean share of a question's retrieved positives that stand among its first ``top_n``."""
    shares = []
    for query, example in result.examples.items():
        relevant = {key for key, grade in result.qrels[query].items() if grade > 0}
        within_reach = relevant & {passage.key for passage in example.candidates or ()}
        if within_reach:
            first = {key for key, _ in result.rankings[contestant][query][:top_n]}
            shares.append(len(first & within_reach) / len(within_reach))
    return sum(shares) / len(shares) if shares else None
