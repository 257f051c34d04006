"""Pseudo-positives: passages at the top of retrieval that a teacher or a judge confirms, flagged as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.mining.candidates import candidate_lists
from llama_index_rerank_tuner.mining.soft_labels import Pair, teacher_scores
from llama_index_rerank_tuner.protocols import Judge, Scorer
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever

PSEUDO = "pseudo_positive"
"""Key of a passage's metadata that names who confirmed it, where no person marked it relevant."""


@dataclass(slots=True)
class PseudoReport:
    """What became of the candidates.

    Args:
        confirmed_by: Name of the teacher or the judge.
        asked: Candidates it was asked about.
        confirmed: Candidates that became positives.
        unknown: Candidates without a judgement; they stay unlabelled.
        questions: Questions that got at least one.
    """

    confirmed_by: str
    asked: int = 0
    confirmed: int = 0
    unknown: int = 0
    questions: int = 0

    def __str__(self) -> str:
        """A table, one count a line."""
        rows = [
            ("confirmed by", self.confirmed_by),
            ("candidates asked about", self.asked),
            ("confirmed", self.confirmed),
            ("unknown", self.unknown),
            ("questions that got one", self.questions),
        ]
        return "\n".join(f"{name:<40} {value}" for name, value in rows)


def pseudo_positives(
    dataset: RerankDataset,
    retriever: BaseRetriever,
    *,
    judge: Judge | None = None,
    scorer: Scorer | None = None,
    name: str = "retriever",
    top_k: int = 10,
    at_least: float | None = None,
    at_most: int | None = None,
    show_progress: bool = False,
) -> tuple[RerankDataset, PseudoReport]:
    """Add what a judge or a teacher confirms among the first candidates to the positives.

    Give either a judge or a scorer. Only candidates that are not judged yet are asked about. An added positive's
    metadata names who confirmed it (``PSEUDO``), so that it can be told from a person's label and taken out of a test
    set. Mine negatives afterwards: what is positive now is no negative then.

    Args:
        dataset: The questions.
        retriever: Gives the candidates.
        judge: Its grade becomes the label.
        scorer: A teacher; its score becomes the ``teacher_score``, the label is 1.
        name: The retriever's name in the trail.
        top_k: Candidates looked at for a question.
        at_least: Least grade or score that confirms. None: grade 1; for a scorer, its best score of the question's own
            positives, so that a question without one gets none.
        at_most: Pseudo-positives a question gets at most, best first; None for all that are confirmed.
        show_progress: Show a progress bar.

    Returns:
        The data set, and the counts.

    Raises:
        ConfigError: Neither or both of judge and scorer are given, or a count is not positive.
        ScoreError: The teacher gave a score that is no finite number.
    """
    if (judge is None) == (scorer is None):
        raise ConfigError("Give either judge= or scorer=.")
    if top_k < 1 or (at_most is not None and at_most < 1):
        raise ConfigError(f"top_k and at_most must be positive integers, got {top_k} and {at_most}.")
    queries = [example.query for example in dataset]
    found = candidate_lists(queries, {name: retriever}, dataset.contract, show_progress)
    unjudged = [_unjudged(example, top) for example, top in zip(dataset, found, strict=True)]
    confirmed: list[list[Passage]]
    if judge is not None:
        report = PseudoReport(judge.name)
        confirmed = _judged(dataset.examples, [each[:top_k] for each in unjudged], judge, at_least, report)
    else:
        report = PseudoReport(scorer.name if scorer is not None else "")
        confirmed = _scored(dataset.examples, [each[:top_k] for each in unjudged], scorer, at_least, report)
    best = [each[:at_most] for each in confirmed]
    report.confirmed, report.questions = sum(map(len, best)), sum(map(bool, best))
    return dataset.with_examples(_extended(e, more) for e, more in zip(dataset, best, strict=True)), report


def _unjudged(example: RerankExample, candidates: Sequence[Passage]) -> list[Passage]:
    judged = {passage.key for passage in (*example.positives, *example.negatives)}
    texts = {passage.text for passage in (*example.positives, *example.negatives)}
    return [p for p in candidates if p.key not in judged and p.text not in texts and p.text.strip()]


def _judged(
    examples: Sequence[RerankExample],
    candidates: Sequence[Sequence[Passage]],
    judge: Judge,
    at_least: float | None,
    report: PseudoReport,
) -> list[list[Passage]]:
    pairs = _pairs(examples, candidates)
    grades = dict(zip(pairs, judge(pairs), strict=True)) if pairs else {}
    report.asked, report.unknown = len(pairs), sum(grade is None for grade in grades.values())
    least = 1.0 if at_least is None else at_least

    def confirmed(example: RerankExample, top: Sequence[Passage]) -> list[Passage]:
        graded = [(grades[example.query, passage.text], passage) for passage in top]
        relevant = [(grade, passage) for grade, passage in graded if grade is not None and grade >= least]
        relevant.sort(key=lambda each: -each[0])
        return [_flagged(replace(passage, label=float(grade)), report) for grade, passage in relevant]

    return [confirmed(example, top) for example, top in zip(examples, candidates, strict=True)]


def _scored(
    examples: Sequence[RerankExample],
    candidates: Sequence[Sequence[Passage]],
    scorer: Any,
    at_least: float | None,
    report: PseudoReport,
) -> list[list[Passage]]:
    pairs = _pairs(examples, candidates)
    own = _pairs(examples, [example.positives for example in examples]) if at_least is None else []
    scores = teacher_scores(scorer, [*pairs, *own])
    report.asked = len(pairs)

    def confirmed(example: RerankExample, top: Sequence[Passage]) -> list[Passage]:
        least = at_least
        if least is None:
            least = max((scores[example.query, positive.text] for positive in example.positives), default=float("inf"))
        scored = [replace(p, label=1.0, teacher_score=scores[example.query, p.text]) for p in top]
        relevant = [passage for passage in scored if (passage.teacher_score or 0.0) >= least]
        return [_flagged(passage, report) for passage in sorted(relevant, key=lambda p: -(p.teacher_score or 0.0))]

    return [confirmed(example, top) for example, top in zip(examples, candidates, strict=True)]


def _pairs(examples: Sequence[RerankExample], passages: Sequence[Sequence[Passage]]) -> list[Pair]:
    return list(dict.fromkeys((e.query, p.text) for e, each in zip(examples, passages, strict=True) for p in each))


def _flagged(passage: Passage, report: PseudoReport) -> Passage:
    return replace(passage, metadata={**passage.metadata, PSEUDO: report.confirmed_by})


def _extended(example: RerankExample, more: Sequence[Passage]) -> RerankExample:
    return replace(example, positives=(*example.positives, *more))
