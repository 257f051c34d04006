"""The parity gate: whether a faster variant ranks as well as torch in fp32, by a rule fixed before looking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.statistics import cluster_bootstrap

LARGEST_LOSS = 0.005
"""Most nDCG@10 that a variant may lose, at the upper bound."""
LEAST_QUESTIONS, LEAST_GROUPS = 300, 50
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Parity:
    """What the gate found.

    Args:
        passed: Whether the variant may serve in the place of fp32.
        reason: Why, one sentence.
        questions: How many questions it was judged on.
        loss: Mean nDCG@10 lost; negative where the variant was better.
        upper_bound: One-sided 95 % upper bound of the loss; infinite where none could be had.
    """

    passed: bool
    reason: str
    questions: int
    loss: float
    upper_bound: float

    def to_dict(self) -> dict[str, Any]:
        """The figures for JSON, which has no infinity and no NaN: None there."""
        shown = {"loss": self.loss, "loss_upper_bound": self.upper_bound}
        return {"questions": self.questions, **{k: v if isfinite(v) else None for k, v in shown.items()}}


def check_parity(
    reference: Mapping[str, float],
    variant: Mapping[str, float],
    groups: Mapping[str, str],
    *,
    allow_small: bool = False,
    samples: int = 5000,
    seed: int = 0,
) -> Parity:
    """Judge a variant by each question's nDCG@10 under it and under torch fp32.

    It passes when the one-sided 95 % upper bound of its mean loss is at most 0.005, on at least 300 questions about 50
    source documents: a test of non-inferiority, in which too little evidence keeps fp32. One side only, because a
    variant that ranks better is no fault. The bound is the percentile bootstrap's, with the losses paired by question
    and whole groups drawn, its tail widened for few groups (Hesterberg 2015), as everywhere in ``evaluation``.

    Why 300: a loss that no question happened to show, the bootstrap cannot see. When none of n questions lost
    anything, up to 3/n of all questions may still lose (95 %, the "rule of three", Hanley and Lippman-Hand 1983). A
    question whose only answer falls from rank 1 to rank 3 loses 0.5: with 300 independent questions that hides at
    most 0.01 × 0.5 = 0.005.

    Why 50: questions about one document are not independent. Where a tenth of the documents loses 0.1 a question, twice
    the limit in all, most sets of five documents show none of it. In ``benchmarks/parity_gate.py`` 58 % of such sets
    let it pass, 33 % of those of ten documents, 12 % of 20, under 1 % of 50.

    Args:
        reference: Question to nDCG@10 under torch fp32.
        variant: The same questions to nDCG@10 under the variant.
        groups: Question to group (source document).
        allow_small: Judge on fewer questions or groups too; the bound still has to hold, and under five groups
            there is none.
        samples: Bootstrap samples.
        seed: Same values and seed, same bound.

    Raises:
        ConfigError: There is no question, one has no group, or the two are not about the same questions.

    Example:
        >>> exact = {f"q{number}": 1.0 for number in range(300)}
        >>> check_parity(exact, exact, {question: question for question in exact}).passed
        True
        >>> check_parity(exact, dict.fromkeys(exact, 0.98), {question: question for question in exact}).reason
        'nDCG@10 fell by 0.0200 (95 % upper bound 0.0200 > 0.005) on 300 questions'
    """
    if not reference or reference.keys() != variant.keys():
        raise ConfigError(
            f"The gate compares the same questions, at least one: got {len(reference)} of torch fp32 and "
            f"{len(variant)} of the variant."
        )
    if missing := [question for question in reference if question not in groups]:
        raise ConfigError(f"{len(missing)} questions have no group, the first is {missing[0]!r}: give each one.")
    lost = {question: reference[question] - variant[question] for question in reference}
    count, loss = len(lost), sum(lost.values()) / len(lost)
    if not isfinite(loss):
        return Parity(False, "some of its nDCG@10 are NaN or infinite", count, loss, float("inf"))
    of = {question: groups[question] for question in lost}
    few = _too_few(count, len(set(of.values())))
    if few and not allow_small:
        return Parity(False, f"{few}: fp32 is kept (allow_small=True judges it all the same)", count, loss, _NONE)
    bound = cluster_bootstrap(lost, of, samples, seed, confidence=2 * CONFIDENCE - 1).high
    return Parity(bound <= LARGEST_LOSS, _reason(loss, bound, count) + (f"; {few}" if few else ""), count, loss, bound)


_NONE = float("inf")


def _too_few(questions: int, groups: int) -> str:
    if questions < LEAST_QUESTIONS:
        return f"only {questions} of the {LEAST_QUESTIONS} questions needed"
    return f"only {groups} of the {LEAST_GROUPS} source documents needed" if groups < LEAST_GROUPS else ""


def _reason(loss: float, bound: float, questions: int) -> str:
    against = f"95 % upper bound {bound:.4f} {'≤' if bound <= LARGEST_LOSS else '>'} {LARGEST_LOSS}"
    moved = "rose" if loss < 0 else "fell"
    return f"nDCG@10 {moved} by {abs(loss):.4f} ({against}) on {questions} questions"
