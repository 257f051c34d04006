"""What a guard against false negatives is: keep, drop or flag each candidate negative, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from llama_index_rerank_tuner.dataset import RerankDataset

Outcome = Literal["keep", "drop", "flag"]
"""A dropped candidate is never taught as irrelevant; a flagged one may be, and its trail says that it was doubted."""


class Decision(NamedTuple):
    """What a guard says of one candidate negative.

    Args:
        outcome: Keep, drop or flag.
        reason: Short and always the same for the same rule, because reports count by it; empty for keep.
    """

    outcome: Outcome
    reason: str


KEEP = Decision("keep", "")
FLAGS = "flags"
"""Key of a candidate's ``metadata`` under which the doubts of earlier guards stand: a list of ``<guard>: <reason>``."""


def is_flagged(passage: Passage) -> bool:
    """Whether an earlier guard doubted that a candidate is irrelevant."""
    return bool(passage.metadata.get(FLAGS))


class Guard(Protocol):
    """Looks at the candidate negatives of a question for passages that may well be relevant."""

    @property
    def name(self) -> str:
        """Name for reports."""

    def prepare(self, dataset: RerankDataset, nodes: Sequence[BaseNode]) -> None:
        """See all training questions and nodes once, before any question is mined."""

    def decide(self, example: RerankExample, candidates: Sequence[Passage]) -> list[Decision]:
        """One decision for each candidate negative of a question, in order.

        Args:
            example: The question. A positive's ``retrieved`` holds its rank and score in every source that found it;
                where it is empty, the source did not return the positive.
            candidates: Candidate negatives, each with its rank and score in every source that found it.
        """
