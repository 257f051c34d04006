"""The counts of a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from llama_index_rerank_tuner.dataset.audit.forms import Forms
from llama_index_rerank_tuner.records import RerankExample


@dataclass(frozen=True, slots=True)
class Counts:
    """What a data set holds. Texts count as the same where their normal forms are.

    Args:
        questions: Number of questions.
        groups: Number of source documents.
        passages: Number of passages in the corpus.
        positives: Judged relevant pairs.
        negatives: Judged irrelevant pairs.
        duplicate_queries: Questions whose text stood before.
        duplicate_pairs: Pairs (query text, passage text) with the same label that stood before.
        contradictions: Pairs (query text, passage text) labelled both relevant and irrelevant.
        without_positives: Number of questions that have no relevant passage.
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
    without_positives: int
    without_negatives: int

    @property
    def ratio(self) -> float | None:
        """Negatives for one positive; None where there is no positive."""
        return self.negatives / self.positives if self.positives else None


def count(examples: Sequence[RerankExample], passages: int, forms: Forms) -> Counts:
    """Count what a data set holds.

    Args:
        examples: The questions.
        passages: Number of passages in the corpus.
        forms: Numbers texts by normal form.
    """
    queries = Counter(forms(example.query) for example in examples)
    relevant = Counter(forms.pair(e, p) for e in examples for p in e.positives)
    irrelevant = Counter(forms.pair(e, p) for e in examples for p in e.negatives)
    return Counts(
        questions=len(examples),
        groups=len({example.group for example in examples if example.group is not None}),
        passages=passages,
        positives=relevant.total(),
        negatives=irrelevant.total(),
        duplicate_queries=queries.total() - len(queries),
        duplicate_pairs=relevant.total() - len(relevant) + irrelevant.total() - len(irrelevant),
        contradictions=len(relevant.keys() & irrelevant.keys()),
        without_positives=sum(not example.positives for example in examples),
        without_negatives=sum(not example.negatives for example in examples),
    )
