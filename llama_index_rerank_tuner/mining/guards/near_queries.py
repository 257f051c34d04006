"""The guard that knows the positives of questions that ask nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset.likeness.same_question import Wording, same_wording, wording_of
from llama_index_rerank_tuner.dataset.likeness.shingles import similarity
from llama_index_rerank_tuner.dataset.likeness.wording import asks_the_same
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.mining.guards.guard import KEEP, Decision
from llama_index_rerank_tuner.mining.guards.known_answers import KnownAnswers
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from llama_index_rerank_tuner.dataset import RerankDataset

NEAR_QUESTION = 0.6
"""Similarity of two questions from which on their wording is compared."""

_DROP = Decision("drop", "positive of a nearly equal question")


class NearQueriesGuard:
    """Drops what is marked relevant for a question that asks the same, or nearly the same.

    Two questions do where ``same_question`` says so, or where they are similar and differ only in function words,
    endings and slips of the pen. That looser rule of the audit is right here: where it errs, one good negative out of
    many is lost; where a stricter one misses a pair, an answer is taught as irrelevant.

    Only the questions that a candidate is known to answer are compared, so the cost does not grow with the data set.

    Args:
        near: Similarity of two questions from which on their wording is compared, from 0 to 1; 1 leaves the looser
            rule out.

    Raises:
        ConfigError: ``near`` is not from 0 to 1.

    Example:
        >>> from llama_index_rerank_tuner.dataset import RerankDataset
        >>> dataset = RerankDataset.from_records([
        ...     {"query": "What datasets did they use?", "pos": ["Sixteen corpora."], "pos_ids": ["a"]},
        ...     {"query": "What dataset do they use?", "pos": ["One corpus of letters."], "pos_ids": ["b"]},
        ... ])
        >>> guard = NearQueriesGuard()
        >>> guard.prepare(dataset, dataset.nodes())
        >>> guard.decide(dataset[0], dataset[1].positives)
        [Decision(outcome='drop', reason='positive of a nearly equal question')]
    """

    name = "near queries"

    def __init__(self, near: float = NEAR_QUESTION) -> None:
        if not 0 <= near <= 1:
            raise ConfigError(f"near must be from 0 to 1, got {near!r}.")
        self.near = near
        self._answers = KnownAnswers()

    def prepare(self, dataset: RerankDataset, nodes: Sequence[BaseNode]) -> None:
        """Learn which questions each passage answers."""
        self._answers = KnownAnswers(dataset)

    def decide(self, example: RerankExample, candidates: Sequence[Passage]) -> list[Decision]:
        """Drop the positives of the questions near this one."""
        return [_DROP if self._answers_a_near_question(example, candidate) else KEEP for candidate in candidates]

    def _answers_a_near_question(self, example: RerankExample, candidate: Passage) -> bool:
        return any(
            other.query_id != example.query_id and self._near(example.query, other.query)
            for other in self._answers.questions(candidate)
        )

    def _near(self, first: str, second: str) -> bool:
        return same_wording(_wording(first), _wording(second)) or (
            self.near < 1 and similarity(first, second) >= self.near and asks_the_same(first, second)
        )


@lru_cache(maxsize=20_000)
def _wording(query: str) -> Wording:
    return wording_of(query)
