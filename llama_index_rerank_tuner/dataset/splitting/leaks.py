"""Leaks: what stands on both sides of a split, and would let a reranker look better than it is."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from llama_index_rerank_tuner.dataset.likeness.near_duplicates import normalised
from llama_index_rerank_tuner.dataset.splitting.shared_answers import SharedAnswers
from llama_index_rerank_tuner.errors import LeakError, RerankTunerWarning
from llama_index_rerank_tuner.records import RerankExample

_SHOWN = 5


class Leak(NamedTuple):
    """A question of the one side that is asked on the other with the same answer."""

    first: RerankExample
    second: RerankExample


@dataclass(frozen=True, slots=True)
class LeakReport:
    """What two data sets share; ``str()`` is a table.

    Args:
        leaks: Every question of the second data set that is the same or nearly the same as one of the first, with the
            same or nearly the same positive; with the first such question.
        shared_positives: Number of different passages that are relevant to a question on each side.
        shared_passages: Number of different passages that are judged, relevant or not, on each side.
        shared_questions: Number of questions of the second data set that the first asks too, with other positives.
        shared_queries: Some of their texts.
        near: Whether near duplicates were looked for; False where there are too many different texts.
    """

    leaks: tuple[Leak, ...]
    shared_positives: int
    shared_passages: int
    shared_questions: int
    shared_queries: tuple[str, ...]
    near: bool

    def to_dict(self) -> dict[str, Any]:
        """The figures for a JSON report."""
        return {
            "leaks": [{"first": leak.first.query_id, "second": leak.second.query_id} for leak in self.leaks],
            "shared_positives": self.shared_positives,
            "shared_passages": self.shared_passages,
            "shared_questions": self.shared_questions,
            "shared_queries": list(self.shared_queries),
            "near": self.near,
        }

    def __str__(self) -> str:
        """A table, one figure a line."""
        rows = {
            "questions with their answer on both sides": len(self.leaks),
            "passages relevant on both sides": self.shared_positives,
            "passages judged on both sides": self.shared_passages,
            "questions asked on both sides with other answers": self.shared_questions,
            "near duplicates looked for": "yes" if self.near else "no, there are too many different texts",
        }
        return "\n".join(f"{name:<50} {value}" for name, value in rows.items())


def find_leaks(first: Iterable[RerankExample], second: Iterable[RerankExample]) -> LeakReport:
    """Compare two sides of a split.

    Args:
        first: A data set, or its questions; the one trained on, where one of them is.
        second: The other.

    Example:
        >>> from llama_index_rerank_tuner.dataset import RerankDataset
        >>> train = RerankDataset.from_records([{"query": "Who may apply?", "passage": "Small firms.", "score": 1}])
        >>> test = RerankDataset.from_records([{"query": "who may apply", "passage": "Small firms!", "score": 1}])
        >>> len(find_leaks(train, test).leaks)
        1
    """
    ones, others = tuple(first), tuple(second)
    shared = SharedAnswers(ones + others)
    leaking = _leaking(shared, len(ones))
    generic = [others[place] for place in _asked_on_both(shared, len(ones)) if place + len(ones) not in leaking]
    examples = ones + others
    return LeakReport(
        leaks=tuple(Leak(examples[one], examples[other]) for other, one in sorted(leaking.items())),
        shared_positives=len(_positives(ones) & _positives(others)),
        shared_passages=len(_judged(ones) & _judged(others)),
        shared_questions=len(generic),
        shared_queries=tuple(dict.fromkeys(example.query for example in generic))[:_SHOWN],
        near=shared.near,
    )


def check_leaks(first: Iterable[RerankExample], second: Iterable[RerankExample]) -> LeakReport:
    """Refuse two sides of a split that share a question with its answer, and warn of what else they share.

    Args:
        first: A data set, or its questions; the one trained on, where one of them is.
        second: The other.

    Returns:
        What they share; ``find_leaks`` gives the same without raising or warning.

    Raises:
        LeakError: A question of ``second`` is the same or nearly the same as one of ``first``, and has the same or
            nearly the same positive. The message names the first such two and how many there are.

    Warns:
        RerankTunerWarning: Passages are judged on both sides, or the same question is asked with other answers.
    """
    report = find_leaks(first, second)
    if report.leaks:
        one, other = report.leaks[0]
        raise LeakError(
            other.place,
            f"it asks what {one.place} asks, and has the same answer; {len(report.leaks)} questions stand on both "
            "sides with their answers, the same or nearly the same",
            "Cut the data with RerankDataset.split, which keeps such questions together, or remove them from one side",
        )
    if report.shared_passages or report.shared_questions:
        warnings.warn(_warning(report), RerankTunerWarning, stacklevel=2)
    return report


def _warning(report: LeakReport) -> str:
    asked = f" (for example {report.shared_queries[0]!r})" if report.shared_queries else ""
    return (
        f"Both sides of the split judge {report.shared_passages} passages, {report.shared_positives} of them relevant "
        f"on both, and ask {report.shared_questions} questions with other answers{asked}. That is usual for questions "
        "over one corpus; figures on new documents may be lower."
    )


def _leaking(shared: SharedAnswers, border: int) -> dict[int, int]:
    """The place of every leaking question of the second side, to that of its first counterpart."""
    earliest: dict[int, int] = {}
    for ones, others in shared.meetings():
        for left, right in ((ones, others), (others, ones)):
            source = min((place for place in left if place < border), default=None)
            if source is not None:
                for place in right:
                    if place >= border:
                        earliest[place] = min(source, earliest.get(place, source))
    return earliest


def _asked_on_both(shared: SharedAnswers, border: int) -> Iterator[int]:
    """The places, within the second side, of the questions that the first side asks too."""
    asked = set(shared.queries[:border])
    for place, query in enumerate(shared.queries[border:]):
        if not asked.isdisjoint(shared.same_questions(query)):
            yield place


def _positives(examples: Sequence[RerankExample]) -> set[str]:
    return {normalised(text) for text in {p.text for e in examples for p in e.positives}}


def _judged(examples: Sequence[RerankExample]) -> set[str]:
    return {normalised(text) for text in {p.text for e in examples for p in (*e.positives, *e.negatives)}}
