"""A finding: one kind of fault, how grave it is, and the records it stands in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple

from llama_index_rerank_tuner.records import Passage, RerankExample

Severity = Literal["must fix", "should look", "note"]
SEVERITIES: tuple[Severity, ...] = ("must fix", "should look", "note")


class RecordLink(NamedTuple):
    """Where a fault stands.

    ``place`` is a file and line where they are known. ``query_id`` and ``passage_id`` name the record, None where the
    fault concerns no question or no passage. ``other`` says what the record clashes with.
    """

    place: str
    query_id: str | None = None
    passage_id: str | None = None
    other: str | None = None

    def __str__(self) -> str:
        """One line that leads to the record."""
        passage = "" if self.passage_id is None else f", passage {self.passage_id!r}"
        return f"{self.place}{passage}" + ("" if self.other is None else f": {self.other}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of fault.

    Args:
        kind: Short name of the fault, the same for every data set.
        severity: ``must fix`` (``repair()`` mends it), ``should look`` (a person decides) or ``note``.
        sentence: What was found, with its numbers.
        count: Number of records concerned.
        records: The first of them.
    """

    kind: str
    severity: Severity
    sentence: str
    count: int
    records: tuple[RecordLink, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The finding for a JSON report."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "sentence": self.sentence,
            "count": self.count,
            "records": [link._asdict() for link in self.records],
        }


def gather(links: Iterable[RecordLink], cap: int) -> tuple[int, tuple[RecordLink, ...]]:
    """Count the links and keep the first ``cap``, without holding the rest."""
    rest = iter(links)
    kept = tuple(islice(rest, cap))
    return len(kept) + sum(1 for _ in rest), kept


def found(kind: str, severity: Severity, links: Iterable[RecordLink], cap: int, sentence: str) -> list[Finding]:
    """A finding where there is a link, else nothing.

    Args:
        kind: Name of the fault.
        severity: How grave it is.
        links: The records concerned.
        cap: How many of them the finding names.
        sentence: What was found; ``{n}`` stands for the number of records.
    """
    count, records = gather(links, cap)
    return [Finding(kind, severity, sentence.format(n=f"{count:,}"), count, records)] if count else []


def link(example: RerankExample, passage: Passage | None = None, other: str | None = None) -> RecordLink:
    """The link to a question, or to one of its passages."""
    return RecordLink(example.place, example.query_id, None if passage is None else passage.key, other)
