"""The verdict: better, worse, or no evidence, by a rule fixed before looking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from llama_index_rerank_tuner.evaluation.statistics import Estimate

Outcome = Literal["better", "worse", "no evidence"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a contestant beats its opponents.

    Args:
        outcome: ``better`` when it is significantly above every opponent, ``worse`` when it is significantly below
            one, else ``no evidence``.
        contestant: Who is judged.
        metric: On what.
        differences: Opponent to the contestant's paired difference, with its interval.
    """

    outcome: Outcome
    contestant: str
    metric: str
    differences: Mapping[str, Estimate]

    @property
    def reason(self) -> str:
        """The differences in words."""
        parts = [
            f"{each.value:+.4f} [{each.low:+.4f}, {each.high:+.4f}] against {name}"
            for name, each in self.differences.items()
        ]
        return f"{self.metric} of {self.contestant}: " + "; ".join(parts)


def judge(contestant: str, metric: str, differences: Mapping[str, Estimate]) -> Verdict:
    """Apply the rule to paired differences (contestant minus opponent).

    Example:
        >>> judge("tuned", "nDCG@10", {"base": Estimate(0.1, 0.02, 0.2), "retriever": Estimate(0.1, -0.1, 0.3)}).outcome
        'no evidence'
    """
    outcome: Outcome = "no evidence"
    if any(each.below_zero for each in differences.values()):
        outcome = "worse"
    elif differences and all(each.above_zero for each in differences.values()):
        outcome = "better"
    return Verdict(outcome, contestant, metric, dict(differences))
