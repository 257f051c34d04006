"""The gap, case by case: the positive's score against its hardest negative's, before and after."""

from __future__ import annotations

from dataclasses import dataclass

from llama_index_rerank_tuner.evaluation.replay import Ranking
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult


@dataclass(frozen=True, slots=True)
class GapCase:
    """One question's two scores under two rerankers, each on its own scale.

    Args:
        query_id: The question.
        query: Its text.
        before: (best positive's score, hardest negative's score) under the first reranker.
        after: The same under the second.
    """

    query_id: str
    query: str
    before: tuple[float, float]
    after: tuple[float, float]


def gap_cases(result: BenchmarkResult, before: str, after: str) -> list[GapCase]:
    """The questions whose candidates hold both a positive and a negative.

    Args:
        result: A benchmark in which both rerankers stood.
        before: Name of the first contestant.
        after: Name of the second.
    """
    for name in (before, after):
        result.require_contestant(name)
    cases = []
    for query_id, query in result.queries.items():
        pairs = [_scores(result, name, query_id) for name in (before, after)]
        if pairs[0] is not None and pairs[1] is not None:
            cases.append(GapCase(query_id, query, pairs[0], pairs[1]))
    return cases


def _scores(result: BenchmarkResult, contestant: str, query_id: str) -> tuple[float, float] | None:
    ranking: Ranking = result.rankings[contestant][query_id]
    relevant = {key for key, grade in result.qrels[query_id].items() if grade > 0}
    positives = [score for key, score in ranking if key in relevant]
    negatives = [score for key, score in ranking if key not in relevant]
    return (max(positives), max(negatives)) if positives and negatives else None
