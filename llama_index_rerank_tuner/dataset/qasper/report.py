"""What was kept of QASPER and what was left out, counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple


class UnmatchedEvidence(NamedTuple):
    """Evidence that is no paragraph of its paper: the place, and how the text begins."""

    where: str
    beginning: str


@dataclass(slots=True)
class QasperReport:
    """Counts of one loading.

    Args:
        papers: Papers read.
        abstracts: Abstracts that became nodes.
        paragraphs: Paragraphs that became nodes.
        empty_paragraphs: Paragraphs without text, left out.
        repeated_paragraphs: Paragraphs whose text stands earlier in the same paper, left out.
        questions: Questions read.
        kept_questions: Questions with text evidence, in the data set.
        unanswerable_questions: Left out: every annotator says that the paper does not answer them.
        figure_questions: Left out: all their evidence is figures and tables.
        unmatched_questions: Left out: their text evidence is no paragraph of the paper.
        questions_without_evidence: Left out: no annotator gives any evidence.
        several_annotators: Kept questions that more than one annotator answered.
        evidence: Pieces of evidence, over all annotators, by how they were found: ``exact``,
            ``evidence in paragraph``, ``paragraph in evidence``, ``figure or table``, ``no paragraph``.
        unmatched: The pieces that match no paragraph, with their places.

    Example:
        >>> print(QasperReport(papers=2, questions=9, kept_questions=7, unanswerable_questions=2))
        papers: 2 (0 paragraphs, 0 abstracts)
        questions kept: 7 of 9
          left out: 2 unanswerable
    """

    papers: int = 0
    abstracts: int = 0
    paragraphs: int = 0
    empty_paragraphs: int = 0
    repeated_paragraphs: int = 0
    questions: int = 0
    kept_questions: int = 0
    unanswerable_questions: int = 0
    figure_questions: int = 0
    unmatched_questions: int = 0
    questions_without_evidence: int = 0
    several_annotators: int = 0
    evidence: dict[str, int] = field(default_factory=dict)
    unmatched: list[UnmatchedEvidence] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The counts for a JSON report."""
        return {**asdict(self), "unmatched": [each._asdict() for each in self.unmatched]}

    def __str__(self) -> str:
        """The counts in words."""
        lines = [
            f"papers: {self.papers} ({self.paragraphs} paragraphs, {self.abstracts} abstracts)",
            _left_out(empty=self.empty_paragraphs, repeated=self.repeated_paragraphs),
            f"questions kept: {self.kept_questions} of {self.questions}",
            _left_out(
                unanswerable=self.unanswerable_questions,
                only_figures_and_tables=self.figure_questions,
                evidence_not_found=self.unmatched_questions,
                without_evidence=self.questions_without_evidence,
            ),
            f"evidence: {_listed(self.evidence)}" if self.evidence else "",
        ]
        return "\n".join(line for line in lines if line)


def _left_out(**counts: int) -> str:
    named = {name.replace("_", " "): number for name, number in counts.items() if number}
    return f"  left out: {_listed(named)}" if named else ""


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())
