"""Size and ratio against common advice, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llama_index_rerank_tuner.dataset.audit.counts import Counts
from llama_index_rerank_tuner.dataset.audit.finding import Finding


@dataclass(frozen=True, slots=True)
class Advice:
    """One row of the advice: for a purpose, how many questions to train and validate on, and how many negatives.

    Args:
        purpose: What such a set is good for.
        train: Least and most training questions; None for no upper end.
        validation: Least and most validation questions; None for no upper end.
        most_negatives: Most negatives for one positive; the least is 1.
    """

    purpose: str
    train: tuple[int, int | None]
    validation: tuple[int, int | None]
    most_negatives: int


ADVICE = (
    Advice("quick check", (100, 500), (50, 100), 2),
    Advice("small", (500, 2_000), (100, 200), 2),
    Advice("production", (2_000, 10_000), (200, 500), 3),
    Advice("large", (10_000, None), (1_000, None), 4),
)
"""Rows from small to large. Questions are counted, not pairs; a number at the border belongs to the larger row."""


@dataclass(frozen=True, slots=True)
class AdviceRow:
    """A row of the advice with how the data set stands to it: ``ok``, ``fewer``, ``more`` or ``not given``."""

    advice: Advice
    train: str
    validation: str
    ratio: str

    def to_dict(self) -> dict[str, Any]:
        """The row for a JSON report."""
        return {
            "purpose": self.advice.purpose,
            "train": {"advised": _span(*self.advice.train), "is": self.train},
            "validation": {"advised": _span(*self.advice.validation), "is": self.validation},
            "ratio": {"advised": _ratio(self.advice), "is": self.ratio},
        }

    def cells(self) -> tuple[str, ...]:
        """The row for a table."""
        return (
            self.advice.purpose,
            f"{_span(*self.advice.train)} {self.train}",
            f"{_span(*self.advice.validation)} {self.validation}",
            f"{_ratio(self.advice)} {self.ratio}",
        )


def compare(counts: Counts, validation: int | None) -> tuple[AdviceRow, ...]:
    """Hold a data set against every row.

    Args:
        counts: Of the training questions.
        validation: Number of validation questions; None where they are not given.
    """
    return tuple(
        AdviceRow(
            advice,
            train=_standing(counts.questions, *advice.train),
            validation="not given" if validation is None else _standing(validation, *advice.validation),
            ratio="not given" if not counts.ratio else _standing(counts.ratio, 1, advice.most_negatives),
        )
        for advice in ADVICE
    )


def size_findings(counts: Counts, validation: int | None) -> Iterator[Finding]:
    """What the advice makes of a data set: the row its size belongs to, and where it falls outside of it."""
    fitting = [advice for advice in ADVICE if counts.questions >= advice.train[0]]
    if not fitting:
        sentence = f"{counts.questions:,} questions to train on; even a quick check wants {ADVICE[0].train[0]}."
        yield Finding("too few questions", "should look", sentence, counts.questions)
        return
    row = fitting[-1]
    if validation is not None and validation < row.validation[0]:
        sentence = f"{validation:,} questions to validate on; a {row.purpose} set wants {_span(*row.validation)}."
        yield Finding("too few validation questions", "should look", sentence, validation)
    if counts.ratio and not 1 <= counts.ratio <= row.most_negatives:
        sentence = (
            f"{counts.ratio:.2f} negatives for one positive; the advice for a {row.purpose} set is {_ratio(row)}."
        )
        yield Finding("unusual ratio", "note", sentence, counts.negatives)


def _standing(number: float, least: int, most: int | None) -> str:
    if number < least:
        return "fewer"
    return "more" if most is not None and number > most else "ok"


def _span(least: int, most: int | None) -> str:
    return f"{least:,}+" if most is None else f"{least:,}–{most:,}"


def _ratio(advice: Advice) -> str:
    return f"1:1–1:{advice.most_negatives}"
