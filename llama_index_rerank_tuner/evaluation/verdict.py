"""The verdict: better, worse, or no evidence, by a rule fixed before looking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.power import POWER, smallest_detectable
from llama_index_rerank_tuner.evaluation.significance import ALPHA, FEWEST_GROUPS, holm, sign_flip_test
from llama_index_rerank_tuner.evaluation.statistics import Estimate, cluster_bootstrap, group_totals

Outcome = Literal["better", "worse", "no evidence"]

COARSE = 0.1
"""Tuning often brings less than this in nDCG@10: where nothing smaller can be shown, the test set is too small."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a contestant beats its opponents.

    Args:
        outcome: ``better`` when it is significantly above every opponent, ``worse`` when it is significantly below
            one, else ``no evidence``.
        contestant: Who is judged.
        metric: On what.
        differences: Opponent to the contestant's paired difference, with its interval.
        p_values: Opponent to the p value of its difference, not corrected.
        smallest_detectable: The true difference, to every opponent, that this test set would have called in four of
            five cases; None where that cannot be known.
        groups: Source documents of the test set.
        too_small: Nothing was called, and little could have been: fewer source documents than a verdict needs, or no
            difference under 0.1 detectable.
    """

    outcome: Outcome
    contestant: str
    metric: str
    differences: Mapping[str, Estimate]
    p_values: Mapping[str, float] = field(default_factory=dict)
    smallest_detectable: float | None = None
    groups: int | None = None
    too_small: bool = False

    @property
    def reason(self) -> str:
        """The differences in words, and what the test set could have shown."""
        found = "; ".join(self._against(name) for name in self.differences)
        return ". ".join([f"{self.metric} of {self.contestant}: {found}", *self._limits()])

    def _against(self, opponent: str) -> str:
        each = self.differences[opponent]
        chance = f", p = {self.p_values[opponent]:.4f}" if opponent in self.p_values else ""
        return f"{each.value:+.4f} [{each.low:+.4f}, {each.high:+.4f}]{chance} against {opponent}"

    def _limits(self) -> list[str]:
        if self.too_small and self.groups is not None and self.groups < FEWEST_GROUPS:
            return [f"The test set is too small: {self.groups} source documents, and a verdict needs {FEWEST_GROUPS}"]
        if self.smallest_detectable is None:
            return []
        shown = f"a difference of {self.smallest_detectable:.4f} or more ({100 * POWER:.0f} % power)"
        if self.too_small:
            return [f"The test set is too small for a verdict: it could have shown only {shown}"]
        return [f"The test set could have shown {shown}"]


def judge(
    contestant: str,
    metric: str,
    differences: Mapping[str, Estimate],
    p_values: Mapping[str, float],
    smallest_detectable: float | None = None,
    groups: int | None = None,
) -> Verdict:
    """Apply the rule to what was measured; ``compare`` measures and applies it.

    A difference counts when its interval lies on one side of zero and its p value is at most 0.04. ``better`` asks that
    of every opponent, which needs no correction: one opponent that is not beaten forbids it (Berger 1982). ``worse``
    asks it of one, so those p values are corrected for their number.

    Args:
        contestant: Who is judged.
        metric: On what.
        differences: Opponent to the contestant's paired difference (contestant minus opponent).
        p_values: Opponent to the p value of that difference, not corrected.
        smallest_detectable: What the test set could have shown.
        groups: Source documents of the test set.

    Example:
        >>> differences = {"base": Estimate(0.1, 0.02, 0.2), "retriever": Estimate(0.1, -0.1, 0.3)}
        >>> judge("tuned", "nDCG@10", differences, {"base": 0.01, "retriever": 0.3}).outcome
        'no evidence'

    Raises:
        ConfigError: An opponent has a difference and no p value, or the reverse.
    """
    if differences.keys() != p_values.keys():
        unpaired = ", ".join(sorted(differences.keys() ^ p_values.keys()))
        raise ConfigError(f"Every opponent needs a difference and a p value; one of them is missing for {unpaired}.")
    outcome = _outcome(differences, p_values)
    few = groups is not None and groups < FEWEST_GROUPS
    coarse = smallest_detectable is not None and smallest_detectable > COARSE
    too_small = outcome == "no evidence" and (few or coarse)
    return Verdict(
        outcome, contestant, metric, dict(differences), dict(p_values), smallest_detectable, groups, too_small
    )


def compare(
    contestant: str,
    metric: str,
    paired: Mapping[str, Mapping[str, float]],
    groups: Mapping[str, str],
    samples: int = 5000,
    seed: int = 0,
) -> Verdict:
    """Measure a contestant's differences to its opponents, and judge them.

    Args:
        contestant: Who is judged.
        metric: On what.
        paired: Opponent to question to the contestant's value minus the opponent's.
        groups: Question to its source document.
        samples: Bootstrap samples of every interval.
        seed: Seed of the intervals and of the sign flips.

    Raises:
        ConfigError: There is no question.
        DataError: A question has no group, or its difference is no finite number.

    Example:
        >>> gains = {question: 0.1 + place / 100 for place, question in enumerate("abcdefgh")}
        >>> compare("tuned", "nDCG@10", {"base": gains}, {question: question for question in gains}).outcome
        'better'
    """
    return judge(
        contestant,
        metric,
        {name: cluster_bootstrap(each, groups, samples, seed) for name, each in paired.items()},
        {name: sign_flip_test(each, groups, seed=seed) for name, each in paired.items()},
        _detectable_against_all(paired, groups),
        min((group_totals(each, groups).groups for each in paired.values()), default=None),
    )


def _outcome(differences: Mapping[str, Estimate], p_values: Mapping[str, float]) -> Outcome:
    corrected = holm(p_values)
    if any(each.below_zero and corrected[name] <= ALPHA for name, each in differences.items()):
        return "worse"
    if differences and all(each.above_zero and p_values[name] <= ALPHA for name, each in differences.items()):
        return "better"
    return "no evidence"


def _detectable_against_all(paired: Mapping[str, Mapping[str, float]], groups: Mapping[str, str]) -> float | None:
    """Each opponent may be missed with its part of the chance that all together have."""
    if not paired:
        return None
    power = 1 - (1 - POWER) / len(paired)
    found = [smallest_detectable(each, groups, power) for each in paired.values()]
    known = [each for each in found if each is not None]
    return max(known) if len(known) == len(found) else None
