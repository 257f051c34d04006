"""How a reranker's scores part relevant candidates from the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from llama_index_rerank_tuner.errors import ConfigError, DataError, ScoreError
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult


class PartedScores(NamedTuple):
    """One question's candidates with a contestant's scores.

    Args:
        positives: Passage key to score of those that are relevant, best first.
        negatives: The same of the others.
        ranks: Passage key to rank, from 1.
    """

    positives: dict[str, float]
    negatives: dict[str, float]
    ranks: dict[str, int]

    @property
    def distractors(self) -> set[str]:
        """Negatives that score higher than the best positive, or the same and stand before it."""
        best = max(self.positives.values())
        rank = min(self.ranks[key] for key, score in self.positives.items() if score == best)
        return {
            key for key, score in self.negatives.items() if score > best or (score == best and self.ranks[key] < rank)
        }


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram of a contestant's scores.

    Args:
        edges: Edges of the bins on the contestant's own scale, ascending, one more than there are bins.
        positives: How many relevant candidates fall into each bin.
        negatives: How many other candidates do.
    """

    edges: tuple[float, ...]
    positives: tuple[int, ...]
    negatives: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {name: list(values) for name, values in asdict(self).items()}


def parted_scores(result: BenchmarkResult, contestant: str, query_id: str) -> PartedScores:
    """A contestant's scores of one question's candidates; what nobody judged counts as not relevant.

    Raises:
        ScoreError: A score is not finite.
    """
    grades = result.qrels[query_id]
    parted = PartedScores({}, {}, {})
    for rank, (key, score) in enumerate(result.rankings[contestant][query_id], start=1):
        if not isfinite(score):
            raise ScoreError(
                f"{contestant} scored passage {key[:60]!r} of query {query_id!r} {score}. Look at what it was given, "
                "and at its weights."
            )
        side = parted.positives if grades.get(key, 0) > 0 else parted.negatives
        side.setdefault(key, score)
        parted.ranks.setdefault(key, rank)
    return parted


def score_distribution(result: BenchmarkResult, contestant: str, bins: int = 30) -> Distribution:
    """Count a contestant's scores of relevant candidates and of the others, over all questions, in equally wide bins.

    Positives that retrieval missed have no score and stand in no bin. Two rerankers score on different scales: look at
    how far the two histograms of one reranker overlap, not at where they lie.

    Args:
        result: What was measured.
        contestant: Whose scores.
        bins: Number of bins.

    Raises:
        ConfigError: There is no such contestant, or no bin.
        DataError: The contestant scored nothing.
        ScoreError: A score is not finite.
    """
    if bins < 1:
        raise ConfigError(f"bins must be a positive number of bins, got {bins}.")
    positives, negatives = scores_by_relevance(result, contestant)
    scores = positives + negatives
    if not scores:
        raise DataError(contestant, "it scored no passage", "Look at the candidates of the test questions.")
    edges = np.histogram_bin_edges(scores, bins)
    counts = [np.histogram(each, edges)[0].tolist() for each in (positives, negatives)]
    return Distribution(tuple(edges.tolist()), tuple(counts[0]), tuple(counts[1]))


def scores_by_relevance(result: BenchmarkResult, contestant: str) -> tuple[list[float], list[float]]:
    """All scores of relevant candidates, and all of the others, over all questions.

    Raises:
        ConfigError: There is no such contestant.
        ScoreError: A score is not finite.
    """
    result.require_contestant(contestant)
    parted = [parted_scores(result, contestant, query_id) for query_id in result.queries]
    return (
        list(chain.from_iterable(each.positives.values() for each in parted)),
        list(chain.from_iterable(each.negatives.values() for each in parted)),
    )


def auc(positives: Sequence[float], negatives: Sequence[float]) -> float | None:
    """Area under the ROC curve: how often a positive scores above a negative; a tie counts half.

    Equals the Mann-Whitney U statistic over the number of pairs (Hanley and McNeil 1982), so no score scale changes it.

    Args:
        positives: Scores of relevant passages.
        negatives: Scores of others.

    Returns:
        From 0 to 1, a half for chance; None where one side is empty.

    Example:
        >>> auc([0.9, 0.4], [0.4, 0.1])
        0.875
    """
    if not positives or not negatives:
        return None
    ordered = np.sort(np.asarray(negatives, dtype=np.float64))
    below = np.searchsorted(ordered, positives, "left")
    not_above = np.searchsorted(ordered, positives, "right")
    return float((below + not_above).sum() / (2 * len(positives) * len(negatives)))
