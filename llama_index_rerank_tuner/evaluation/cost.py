"""What a reranker costs: latency, throughput, cut passages and memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Cost:
    """What one contestant's postprocessing took.

    Args:
        p50: Median seconds a question, over the questions for which something was retrieved.
        p95: 95th percentile of the same.
        pairs_per_second: Candidates over seconds, all questions together; 0 where nothing was reranked.
        truncated_share: Share of the pairs that were longer than the model reads, of all that its scorer has scored so
            far; None where the contestant does not count them.
        peak_memory_mb: Largest resident size of the process so far, in MiB, all contestants' models included, plus
            what torch held at most on a GPU; 0 where the system does not tell.
        cached: Whether its scorer has a cache: then the times may be those of a look-up.
    """

    p50: float
    p95: float
    pairs_per_second: float
    truncated_share: float | None
    peak_memory_mb: float
    cached: bool = False


def costs(result: BenchmarkResult, rerankers: Mapping[str, BaseNodePostprocessor]) -> dict[str, Cost]:
    """What each reranker cost in a benchmark.

    Args:
        result: What was measured.
        rerankers: The contestants, as the benchmark got them.

    Returns:
        Name of the reranker to its cost. The first question a model is asked is often slower than the rest; it counts.

    Raises:
        ConfigError: A reranker did not compete, or the result holds no times.

    Example:
        >>> from llama_index.core.postprocessor import LongContextReorder
        >>> from llama_index_rerank_tuner.dataset import RerankDataset
        >>> from llama_index_rerank_tuner.evaluation import RerankBenchmark
        >>> from llama_index_rerank_tuner.records import Passage, RerankExample
        >>> fees = Passage("The fee is 20.", "n2", label=1.0)
        >>> dataset = RerankDataset.build([RerankExample("q1", "What does it cost?", (fees,), candidates=(fees,))])
        >>> rerankers = {"reorder": LongContextReorder()}
        >>> cost = costs(RerankBenchmark(dataset, rerankers).run(), rerankers)["reorder"]
        >>> cost.p50 == cost.p95 > 0, cost.truncated_share
        (True, None)
    """
    found = {}
    for name, reranker in rerankers.items():
        p50, p95 = latency(result, name)
        seconds, pairs = _timed(result, name)
        speed = sum(pairs) / sum(seconds) if sum(seconds) > 0 else 0.0
        found[name] = Cost(p50, p95, speed, _truncated_share(reranker), peak_memory_mb(), _is_cached(reranker))
    return found


def latency(result: BenchmarkResult, contestant: str) -> tuple[float, float]:
    """Median and 95th percentile of a contestant's seconds a question; 0 where nothing was retrieved for any.

    Raises:
        ConfigError: It did not compete, or the result holds no times.
    """
    seconds, _ = _timed(result, contestant)
    if not seconds:
        return 0.0, 0.0
    p50, p95 = np.percentile(seconds, [50, 95])
    return float(p50), float(p95)


def _timed(result: BenchmarkResult, contestant: str) -> tuple[list[float], list[int]]:
    """Seconds, and number of candidates, of each question for which something was retrieved."""
    result.require_contestant(contestant)
    if contestant not in result.seconds:
        raise ConfigError(f"The result holds no times of {contestant!r}: take it from RerankBenchmark.run().")
    counts = {query: len(example.candidates or ()) for query, example in result.examples.items()}
    timed = [query for query, count in counts.items() if count]
    return [result.seconds[contestant][query] for query in timed], [counts[query] for query in timed]


def peak_memory_mb() -> float:
    """Largest size of this process so far: resident, plus what torch held at most on a GPU, in MiB."""
    torch = sys.modules.get("torch")
    on_gpu = torch.cuda.max_memory_allocated() if torch is not None and torch.cuda.is_available() else 0
    return _peak_resident() / MEBIBYTE + on_gpu / MEBIBYTE


def _peak_resident() -> int:
    """In bytes; 0 on Windows, which has no ``resource``."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _truncated_share(reranker: BaseNodePostprocessor) -> float | None:
    for scorer in _scorers(reranker):
        batched = getattr(scorer, "batched", scorer)
        scored, truncated = getattr(batched, "scored", None), getattr(batched, "truncated", None)
        if isinstance(scored, int) and isinstance(truncated, int):
            return truncated / scored if scored else None
    return None


def _is_cached(reranker: BaseNodePostprocessor) -> bool:
    from llama_index_rerank_tuner.reranking.cache import CachedScorer

    return any(
        isinstance(scorer, CachedScorer) or getattr(scorer, "cached", None) is not None for scorer in _scorers(reranker)
    )


def _scorers(reranker: BaseNodePostprocessor) -> Iterator[Any]:
    """A reranker's scorer, and those that stand behind it, where it is one of ours."""
    from llama_index_rerank_tuner.reranking import FinetunedRerank

    scorer: Any = reranker.scorer if isinstance(reranker, FinetunedRerank) else None
    while scorer is not None:
        yield scorer
        scorer = getattr(scorer, "_scorer", None)
