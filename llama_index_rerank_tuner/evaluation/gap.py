"""The gap, case by case: the positive's score against its hardest negative's, before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any, NamedTuple

from llama_index_rerank_tuner.evaluation.distributions import PartedScores, auc, parted_scores
from llama_index_rerank_tuner.evaluation.gap_case import Change, GapCase
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult

__all__ = ["GapCase", "GapReport", "GapTotals", "gap_cases", "gap_report"]

EQUAL = 1e-9
"""Gaps that differ by no more than this share of their mean are equal, up to rounding."""
_URGENCY: dict[Change, int] = {"worse": 0, "level": 1, "improved": 2}


@dataclass(frozen=True, slots=True)
class GapTotals:
    """What the cases come to.

    Args:
        cases: Questions whose rankings hold both a positive and a negative under both rerankers.
        pushed_down: Distractors (negatives that score higher than their question's best positive, or the same and stand
            before it) under the first reranker that are none under the second, which put them lower or cut them off.
        improved: Cases that improved.
        level: Cases that are level.
        worse: Cases that are worse.
        auc_before: Share of a question's (positive, negative) pairs in the right order, a tie counting half, averaged
            over the cases; under the first reranker. None where there is no case.
        auc_after: The same under the second.
        standardised_before: Mean gap of the first reranker divided by the standard deviation of its gaps (the effect
            size d_z of Cohen 1988, section 2.3.5), which unlike the raw gap can be compared between score scales. None
            with under two cases or equal gaps.
        standardised_after: The same of the second.
        pulled_up: Distractors under the second reranker that were none under the first.
        above_before: Distractors under the first reranker.
        above_after: Distractors under the second.
    """

    cases: int
    pushed_down: int
    improved: int
    level: int
    worse: int
    auc_before: float | None
    auc_after: float | None
    standardised_before: float | None
    standardised_after: float | None
    pulled_up: int = 0
    above_before: int = 0
    above_after: int = 0


@dataclass(frozen=True, slots=True)
class GapReport:
    """The gap of two rerankers, case by case and in sum.

    Args:
        before: Name of the first reranker.
        after: Name of the second.
        cases: Regressions first: worse, then level, then improved; among these the smallest gap of the second first.
        totals: What they come to.
    """

    before: str
    after: str
    cases: tuple[GapCase, ...]
    totals: GapTotals

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "before": self.before,
            "after": self.after,
            "cases": [case.to_dict() for case in self.cases],
            "totals": asdict(self.totals),
        }


class _Rivals(NamedTuple):
    """One question's scores under both rerankers."""

    query_id: str
    before: PartedScores
    after: PartedScores


def gap_report(result: BenchmarkResult, before: str, after: str) -> GapReport:
    """Compare two rerankers case by case, regressions first.

    The hardest negative is the highest scored candidate that is not known to be relevant, so where labels are sparse
    it may be an unlabelled positive: look at the case before blaming the reranker.

    Args:
        result: A benchmark in which both rerankers stood.
        before: Name of the first contestant.
        after: Name of the second.

    Raises:
        ConfigError: One of them did not compete.
        ScoreError: A score is not finite.
    """
    rivals = _rivals(result, before, after)
    cases = _cases(result, rivals)
    ordered = sorted(cases, key=lambda case: (_URGENCY[case.change], case.gap_after))
    return GapReport(before, after, tuple(ordered), _totals(rivals, cases))


def gap_cases(result: BenchmarkResult, before: str, after: str) -> list[GapCase]:
    """The questions whose candidates hold both a positive and a negative, in the order of the questions.

    Args:
        result: A benchmark in which both rerankers stood.
        before: Name of the first contestant.
        after: Name of the second.

    Raises:
        ConfigError: One of them did not compete.
        ScoreError: A score is not finite.
    """
    return _cases(result, _rivals(result, before, after))


def _rivals(result: BenchmarkResult, before: str, after: str) -> list[_Rivals]:
    for name in (before, after):
        result.require_contestant(name)
    asked = (
        _Rivals(query_id, parted_scores(result, before, query_id), parted_scores(result, after, query_id))
        for query_id in result.queries
    )
    return [each for each in asked if all((*each.before, *each.after))]


def _cases(result: BenchmarkResult, rivals: Sequence[_Rivals]) -> list[GapCase]:
    spreads = (_spread([_gap(each.before) for each in rivals]), _spread([_gap(each.after) for each in rivals]))
    return [
        GapCase(
            each.query_id,
            result.queries[each.query_id],
            _extremes(each.before),
            _extremes(each.after),
            (len(each.before.distractors), len(each.after.distractors)),
            spreads,
        )
        for each in rivals
    ]


def _totals(rivals: Sequence[_Rivals], cases: Sequence[GapCase]) -> GapTotals:
    changes = Counter(case.change for case in cases)
    above = [(each.before.distractors, each.after.distractors) for each in rivals]
    return GapTotals(
        cases=len(cases),
        pushed_down=sum(len(was - now) for was, now in above),
        improved=changes["improved"],
        level=changes["level"],
        worse=changes["worse"],
        auc_before=_mean_auc([each.before for each in rivals]),
        auc_after=_mean_auc([each.after for each in rivals]),
        standardised_before=_standardised([case.gap_before for case in cases]),
        standardised_after=_standardised([case.gap_after for case in cases]),
        pulled_up=sum(len(now - was) for was, now in above),
        above_before=sum(len(was) for was, _ in above),
        above_after=sum(len(now) for _, now in above),
    )


def _extremes(scores: PartedScores) -> tuple[float, float]:
    return max(scores.positives.values()), max(scores.negatives.values())


def _gap(scores: PartedScores) -> float:
    positive, negative = _extremes(scores)
    return positive - negative


def _spread(gaps: Sequence[float]) -> float:
    return stdev(gaps) if len(gaps) > 1 else 0.0


def _mean_auc(questions: Sequence[PartedScores]) -> float | None:
    areas = [auc(list(each.positives.values()), list(each.negatives.values())) for each in questions]
    return fmean(area for area in areas if area is not None) if areas else None


def _standardised(gaps: Sequence[float]) -> float | None:
    if len(gaps) < 2:
        return None
    mean, spread = fmean(gaps), stdev(gaps)
    return mean / spread if spread > EQUAL * abs(mean) else None
