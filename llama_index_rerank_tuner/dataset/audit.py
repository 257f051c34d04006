"""The audit: what a data set holds, and the faults that would spoil training on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from llama_index_rerank_tuner.records import RerankExample


@dataclass(frozen=True, slots=True)
class Audit:
    """Counts and faults of a data set; ``str()`` is a table.

    Args:
        questions: Number of questions.
        groups: Number of source documents.
        passages: Number of different passages in the corpus.
        positives: Judged relevant pairs.
        negatives: Judged irrelevant pairs.
        duplicate_queries: Questions whose text stood before.
        duplicate_pairs: Pairs (query text, passage) with the same label that stood before.
        contradictions: Pairs (query text, passage) labelled both relevant and irrelevant.
        without_positives: Places of the questions that have no relevant passage.
        without_negatives: Number of questions that have no irrelevant passage.
    """

    questions: int
    groups: int
    passages: int
    positives: int
    negatives: int
    duplicate_queries: int
    duplicate_pairs: int
    contradictions: int
    without_positives: tuple[str, ...]
    without_negatives: int

    @property
    def ratio(self) -> float | None:
        """Negatives for one positive; None where there is no positive."""
        return self.negatives / self.positives if self.positives else None

    def to_dict(self) -> dict[str, Any]:
        """The figures for a JSON report."""
        return asdict(self) | {"without_positives": len(self.without_positives), "ratio": self.ratio}

    def __str__(self) -> str:
        """A table, one figure a line."""
        rows = self.to_dict() | {"ratio": "n/a" if self.ratio is None else f"1 : {self.ratio:.2f}"}
        return "\n".join(f"{name.replace('_', ' '):<20} {value}" for name, value in rows.items())


def audit(examples: Sequence[RerankExample], passages: int) -> Audit:
    """Count what a data set holds and find its faults.

    Args:
        examples: The questions.
        passages: Number of passages in the corpus.
    """
    queries = Counter(example.query for example in examples)
    relevant = Counter((e.query, p.text) for e in examples for p in e.positives)
    irrelevant = Counter((e.query, p.text) for e in examples for p in e.negatives)
    return Audit(
        questions=len(examples),
        groups=len({example.group for example in examples if example.group is not None}),
        passages=passages,
        positives=relevant.total(),
        negatives=irrelevant.total(),
        duplicate_queries=queries.total() - len(queries),
        duplicate_pairs=relevant.total() - len(relevant) + irrelevant.total() - len(irrelevant),
        contradictions=len(relevant.keys() & irrelevant.keys()),
        without_positives=tuple(example.place for example in examples if not example.positives),
        without_negatives=sum(not example.negatives for example in examples),
    )
