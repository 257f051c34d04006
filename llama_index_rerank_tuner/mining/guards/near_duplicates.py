"""The guard that compares a candidate's text with the positives' texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset.likeness.same_passage import NEAR, likeness
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.mining.guards.guard import KEEP, Decision, Outcome
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from llama_index_rerank_tuner.dataset import RerankDataset

_REASONS = {
    "equal": "near-duplicate of a positive",
    "part": "contains a positive or is part of one",
    "alike": "resembles a positive",
}


class NearDuplicatesGuard:
    """Drops near-duplicates of a positive, what contains one, and what is contained in one.

    The rules are the audit's (``dataset.likeness.same_passage``). A text that resembles a positive but lacks a word
    that the question asks for ("the fee for sheep", "the fee for cows") is the best of hard negatives, and is kept;
    so is a heading.

    Args:
        near: Jaccard similarity of shingles from which on a text resembles a positive, from 0.5 to 1.
        resembling: What to do with a text that resembles a positive without saying the same or containing it. Dropped
            by default: of thirty candidates hardly one is lost.

    Raises:
        ConfigError: ``near`` is not from 0.5 to 1, or ``resembling`` is no outcome.

    Example:
        >>> fee = Passage("The fee for a fishing permit is forty crowns a year.", node_id="a")
        >>> cut = Passage(fee.text + " Children pay nothing.", node_id="b")
        >>> NearDuplicatesGuard().decide(RerankExample("q", "What is the fee?", (fee,)), [cut])
        [Decision(outcome='drop', reason='contains a positive or is part of one')]
    """

    name = "near duplicates"

    def __init__(self, near: float = NEAR, resembling: Outcome = "drop") -> None:
        if not 0.5 <= near <= 1:
            raise ConfigError(f"near must be from 0.5 to 1, got {near!r}.")
        if resembling not in ("keep", "drop", "flag"):
            raise ConfigError(f"resembling must be keep, drop or flag, got {resembling!r}.")
        self.near = near
        self._outcomes: dict[str, Outcome] = {"equal": "drop", "part": "drop", "alike": resembling}

    def prepare(self, dataset: RerankDataset, nodes: Sequence[BaseNode]) -> None:
        """Nothing to learn: a question's own positives are enough."""

    def decide(self, example: RerankExample, candidates: Sequence[Passage]) -> list[Decision]:
        """Drop what says what a positive says."""
        return [self._decision(example, candidate) for candidate in candidates]

    def _decision(self, example: RerankExample, candidate: Passage) -> Decision:
        likenesses = (
            likeness(example.query, candidate.text, positive.text, self.near) for positive in example.positives
        )
        kinds = {found.kind for found in likenesses if found is not None}
        gravest = next((kind for kind in _REASONS if kind in kinds), None)
        if gravest is None or self._outcomes[gravest] == "keep":
            return KEEP
        return Decision(self._outcomes[gravest], _REASONS[gravest])
