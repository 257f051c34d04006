"""Repair: the safe fixes, and a list of every record they touched.

A contradiction is settled for the positive: positives were marked by someone, negatives are mostly taken from what
nobody marked. Records of one question are merged only within one source document: the same words asked of two documents
are two questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from llama_index_rerank_tuner.dataset.audit.false_negatives import nearly_equal_negatives
from llama_index_rerank_tuner.dataset.audit.forms import Forms
from llama_index_rerank_tuner.dataset.audit.labels import contradicting_negatives, same_question
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.json_files import write_json
from llama_index_rerank_tuner.records import Passage, RerankExample

CHANGES_SHOWN = 20
Action = Literal["dropped", "moved", "relabelled"]


@dataclass(frozen=True, slots=True)
class Change:
    """One record that a repair dropped, moved or relabelled.

    Args:
        action: What was done.
        reason: Why.
        place: File and line of the question, where they are known.
        query_id: The question it stood under.
        passage_id: The passage; None where the whole question was touched.
    """

    action: Action
    reason: str
    place: str
    query_id: str
    passage_id: str | None = None

    def __str__(self) -> str:
        """One line."""
        what = f"query {self.query_id!r}" if self.passage_id is None else f"passage {self.passage_id!r}"
        return f"{self.action} {what} ({self.place}): {self.reason}"


@dataclass(frozen=True, slots=True)
class RepairReport:
    """Every change of a repair, in order; ``str()`` counts them and shows the first."""

    changes: tuple[Change, ...]

    def counts(self) -> dict[str, int]:
        """Number of changes by action and reason."""
        return dict(Counter(f"{change.action}: {change.reason}" for change in self.changes))

    def to_dict(self) -> dict[str, Any]:
        """Everything for a JSON report."""
        return {"counts": self.counts(), "changes": [asdict(change) for change in self.changes]}

    def save(self, path: str | Path) -> None:
        """Write every change as JSON."""
        write_json(Path(path), self.to_dict())

    def __str__(self) -> str:
        """The counts, then the first changes."""
        if not self.changes:
            return "Nothing had to be repaired."
        counted = [f"{count:>8,}  {what}" for what, count in self.counts().items()]
        shown = [str(change) for change in self.changes[:CHANGES_SHOWN]]
        hidden = len(self.changes) - len(shown)
        return "\n".join([*counted, "", *shown, *([f"… and {hidden:,} more"] if hidden else [])])


def repair(examples: Sequence[RerankExample]) -> tuple[tuple[RerankExample, ...], RepairReport]:
    """Apply the safe fixes. Repairing what was repaired changes nothing.

    In this order: records of one question and source document are merged (into the first), repeated pairs are dropped
    (the highest grade stays), negatives that are marked relevant for the same question are dropped, so are those that
    nearly equal a positive of their question, and at last the questions without a positive.

    Args:
        examples: The questions.

    Returns:
        The questions that are left, and every change.

    Raises:
        DataError: No question has a positive.
    """
    forms = Forms()
    changes: list[Change] = []
    merged = [_merged(records, changes) for records in same_question(examples, forms)]
    single = [_without_repetitions(example, forms, changes) for example in merged]
    positive_pairs = forms.positive_pairs(single)
    honest = [_without_false_negatives(example, forms, positive_pairs, changes) for example in single]
    answered = tuple(example for example in honest if example.positives)
    changes += [_change("dropped", "it has no positive", each) for each in honest if not each.positives]
    if not answered:
        raise DataError("dataset", "no question has a positive passage", "Label at least one relevant passage.")
    return answered, RepairReport(tuple(changes))


def _merged(records: list[RerankExample], changes: list[Change]) -> RerankExample:
    first, *later = records
    for example in later:
        reason = f"the same question as {first.query_id!r}"
        changes.append(_change("dropped", reason, example))
        moved = (*example.positives, *example.negatives)
        changes += [_change("moved", f"to {first.query_id!r}, {reason}", example, passage) for passage in moved]
    if not later:
        return first
    return replace(
        first,
        positives=tuple(passage for example in records for passage in example.positives),
        negatives=tuple(passage for example in records for passage in example.negatives),
        candidates=next((example.candidates for example in records if example.candidates is not None), None),
    )


def _without_repetitions(example: RerankExample, forms: Forms, changes: list[Change]) -> RerankExample:
    # Equal passages may be one object, so that a copy is told by its key and not by its identity.
    positives: dict[str, Passage] = {}
    for passage in example.positives:
        known = positives.get(passage.key)
        if known is None:
            positives[passage.key] = passage
            continue
        changes.append(_change("dropped", "relevant twice", example, passage))
        if (passage.label or 0) > (known.label or 0):
            positives[passage.key] = replace(known, label=passage.label)
            changes.append(_change("relabelled", f"to its highest grade, {passage.label:g}", example, passage))
    negatives: dict[int, Passage] = {}
    for passage in example.negatives:
        if forms(passage.text) in negatives:
            changes.append(_change("dropped", "irrelevant twice", example, passage))
        negatives.setdefault(forms(passage.text), passage)
    return replace(example, positives=tuple(positives.values()), negatives=tuple(negatives.values()))


def _without_false_negatives(
    example: RerankExample, forms: Forms, positive_pairs: set[int], changes: list[Change]
) -> RerankExample:
    reasons = {
        passage.key: "nearly word for word a positive of the question" for passage in nearly_equal_negatives(example)
    }
    reasons |= {
        passage.key: "also marked relevant for the question"
        for passage in contradicting_negatives(example, forms, positive_pairs)
    }
    for passage in example.negatives:
        if passage.key in reasons:
            changes.append(_change("dropped", reasons[passage.key], example, passage))
    return replace(example, negatives=tuple(each for each in example.negatives if each.key not in reasons))


def _change(action: Action, reason: str, example: RerankExample, passage: Passage | None = None) -> Change:
    return Change(action, reason, example.place, example.query_id, None if passage is None else passage.key)
