"""The guard that compares a candidate's retrieval score with the positive's, source by source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.mining.guards.guard import KEEP, Decision
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from llama_index_rerank_tuner.dataset import RerankDataset


@dataclass(frozen=True, slots=True)
class Margin:
    """How far under the positive's score a candidate must stay on one source's scale.

    Args:
        share: Highest share of the positive's score (NV-Retriever, de Souza P. Moreira et al. 2024: 0.95 of a cosine),
            over 0 and at most 1. Below 0 the same distance is kept, so that 0.95 of -2 is -2.1.
        absolute: Least distance to the positive's score; both rules hold.

    Raises:
        ConfigError: A number is out of its range.

    Example:
        >>> Margin(0.9).line(20.0), Margin(1.0, absolute=3.0).line(20.0), Margin(0.5).line(-2.0)
        (18.0, 17.0, -3.0)
    """

    share: float = 0.95
    absolute: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError(f"share must be over 0 and at most 1, got {self.share!r}.")
        if not 0 <= self.absolute < float("inf"):
            raise ConfigError(f"absolute must be 0 or more, got {self.absolute!r}.")

    def line(self, positive: float) -> float:
        """The score from which on a candidate is too close to a positive's score."""
        return min(positive - (1 - self.share) * abs(positive), positive - self.absolute)


DEFAULT_MARGINS: Mapping[str, Margin | None] = MappingProxyType(
    {"bm25": Margin(0.9), "dense": Margin(0.95), "random": None, "given": None}
)
"""BM25's scores differ more between passages than cosines do; ``benchmarks/false_negatives.py`` has the table. Drawn
and given passages have no score to compare."""


class MarginGuard:
    """Drops candidates that a source scores nearly as high as a positive, or higher.

    Of several positives that the source found, the lowest-scoring one counts: at equal losses that let fewer hidden
    positives through than the highest-scoring one. A candidate of several sources is dropped if one of them says so.

    Where a source found candidates but no positive, all of them outscore it, and a margin would leave no negative: then
    only that source's first ``unfound_top`` are dropped, because unlabelled positives are most common at the top.

    Args:
        margins: Source name, or its part before a colon, to its margin; None exempts a source. Added to
            ``DEFAULT_MARGINS``.
        default: Margin of the sources that are not named.
        unfound_top: Candidates dropped from the top of a source that did not find a positive.

    Raises:
        ConfigError: ``unfound_top`` is negative.

    Example:
        >>> from llama_index_rerank_tuner.records import Retrieved
        >>> fee = Passage("The fee is 40.", node_id="a", retrieved={"bm25": Retrieved(2, 10.0)})
        >>> close = Passage("The fee is due in May.", node_id="b", retrieved={"bm25": Retrieved(1, 11.0)})
        >>> far = Passage("Apply in May.", node_id="c", retrieved={"bm25": Retrieved(3, 4.0)})
        >>> [each.outcome for each in MarginGuard().decide(RerankExample("q", "What fee?", (fee,)), [close, far])]
        ['drop', 'keep']
    """

    name = "margin"

    def __init__(
        self,
        margins: Mapping[str, Margin | None] | None = None,
        *,
        default: Margin = Margin(0.95),
        unfound_top: int = 3,
    ) -> None:
        if unfound_top < 0:
            raise ConfigError(f"unfound_top must be 0 or more, got {unfound_top!r}.")
        self.margins = {**DEFAULT_MARGINS, **(margins or {})}
        self.default = default
        self.unfound_top = unfound_top

    def prepare(self, dataset: RerankDataset, nodes: Sequence[BaseNode]) -> None:
        """Nothing to learn: the scores stand in the passages."""

    def decide(self, example: RerankExample, candidates: Sequence[Passage]) -> list[Decision]:
        """Drop what scores too close to the positives."""
        positives = _lowest_scores(example)
        return [self._decision(candidate, positives) for candidate in candidates]

    def margin(self, source: str) -> Margin | None:
        """The margin of a source; None where its scores are not compared."""
        kind = source.partition(":")[0]
        return self.margins.get(source, self.margins.get(kind, self.default))

    def _decision(self, candidate: Passage, positives: Mapping[str, float]) -> Decision:
        for source, (rank, score) in candidate.retrieved.items():
            margin = self.margin(source)
            if margin is None:
                continue
            if source not in positives and rank <= self.unfound_top:
                return Decision("drop", f"top of {source}, which missed the positive")
            if source in positives and score >= margin.line(positives[source]):
                return Decision("drop", f"close to the positive in {source}")
        return KEEP


def _lowest_scores(example: RerankExample) -> dict[str, float]:
    """The lowest score of a positive in every source that found one."""
    keys = {positive.key for positive in example.positives}
    listed = (passage for passage in example.candidates or () if passage.key in keys)
    lowest: dict[str, float] = {}
    for passage in (*example.positives, *listed):
        for source, place in passage.retrieved.items():
            lowest[source] = min(place.score, lowest.get(source, place.score))
    return lowest
