"""The guard that knows a question's other positives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset.likeness.normal_form import normalised
from llama_index_rerank_tuner.mining.guards.guard import KEEP, Decision
from llama_index_rerank_tuner.mining.guards.known_answers import KnownAnswers
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from llama_index_rerank_tuner.dataset import RerankDataset

_DROP = Decision("drop", "positive of the same question")


class OtherPositivesGuard:
    """Drops what is marked relevant for the question itself: the same node, or another one with the same text.

    The same question often stands twice in a data set, under two ids and with different positives; those of both count.

    Example:
        >>> fee = Passage("The fee is 40 crowns.", node_id="n1")
        >>> copy = Passage("The fee is 40 crowns!", node_id="n7")
        >>> OtherPositivesGuard().decide(RerankExample("q1", "What is the fee?", (fee,)), [copy])
        [Decision(outcome='drop', reason='positive of the same question')]
    """

    name = "other positives"

    def __init__(self) -> None:
        self._answers = KnownAnswers()

    def prepare(self, dataset: RerankDataset, nodes: Sequence[BaseNode]) -> None:
        """Learn the positives of all questions."""
        self._answers = KnownAnswers(dataset)

    def decide(self, example: RerankExample, candidates: Sequence[Passage]) -> list[Decision]:
        """Drop the positives of this question."""
        own, asked = KnownAnswers([example]), normalised(example.query)
        return [
            _DROP
            if own.questions(candidate)
            or any(normalised(each.query) == asked for each in self._answers.questions(candidate))
            else KEEP
            for candidate in candidates
        ]
