"""Choosing the negatives of one question from what its sources returned."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from llama_index_rerank_tuner.dataset.likeness.normal_form import normalised
from llama_index_rerank_tuner.dataset.likeness.shingles import jaccard, shingles_of
from llama_index_rerank_tuner.mining.placing import Places
from llama_index_rerank_tuner.mining.sampling import apportioned, drawn, shuffled
from llama_index_rerank_tuner.mining.scope import ScopedNodes
from llama_index_rerank_tuner.mining.selection import Selection
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved

RANDOM = "random"

DRAWS = 20
"""So many times random passages that the guards drop are drawn anew, lest a question be shown the whole corpus."""

Show = Callable[[RerankExample, Sequence[Passage]], list[Passage]]
"""Shows candidates to the guards, and gives back those that are left."""


@dataclass(frozen=True, slots=True)
class Choosing:
    """What the choice of every question's negatives has in common.

    Args:
        passages: Node id to passage, for all nodes that negatives may come from.
        selection: How to select.
        shares: Source to its share of the negatives; None draws from all sources as one.
        show: Shows candidates to the guards.
        refused: Counts refusals by reason.
        seed: Same seed, same choice.
    """

    passages: Mapping[str, Passage]
    selection: Selection
    shares: Mapping[str, float] | None
    show: Show
    refused: Counter[str]
    seed: int


class Choice:
    """The negatives of one question: first the judged ones, then those that ``mine`` adds.

    Args:
        example: The question; a judged negative whose text is a positive's is refused.
        choosing: How to choose.
    """

    def __init__(self, example: RerankExample, choosing: Choosing) -> None:
        self.example, self.choosing = example, choosing
        self.answers = {passage.text for passage in example.positives}
        self.judged = [passage for passage in example.negatives if passage.text not in self.answers]
        if len(self.judged) < len(example.negatives):
            choosing.refused["judged both ways"] += len(example.negatives) - len(self.judged)
        self.mined: list[Passage] = []
        self._taken = {passage.key for passage in (*example.positives, *self.judged)}
        self._barred: set[str] = set()
        self._shown: dict[str, Passage | None] = {}
        self._rng = random.Random(f"{choosing.seed}:{example.query_id}")
        self._shares_rng = random.Random(f"{choosing.seed}:{example.query_id}:shares")

    def mine(self, places: Mapping[str, Places], scope: ScopedNodes, count: int, at_random: int) -> None:
        """Add negatives from one part of the scope.

        Args:
            places: Node id to its places in the sources, best first.
            scope: The part of the scope.
            count: How many to add.
            at_random: How many of these to draw at random; more where the sources give too few.
        """
        value, until = scope.value(self.example), len(self.mined) + count
        usable = [p for key, at in places.items() if (p := self._usable(key, at, scope, value)) is not None]
        windows = self._windows(usable)
        window = list({passage.key: passage for each in windows.values() for passage in each}.values())
        self._barred |= {passage.key for passage in window}
        self._show(window)
        for source, share in self._quotas(list(windows), until - at_random - len(self.mined)).items():
            self._take(windows[source], share)
        if len(windows) > 1:
            self._take(window, until - at_random - len(self.mined))
        self._draw(scope.pool(value), until - len(self.mined))
        self._fill(window, until - len(self.mined))

    def _usable(self, key: str, places: Places, scope: ScopedNodes, value: str) -> Passage | None:
        """The candidate with its trail; None, and the reason counted, where it cannot be a negative."""
        passage = self.choosing.passages.get(key)
        if key in self._taken:
            reason: str | None = "judged for this question"
        elif passage is None:
            reason = "not a training node"
        elif passage.text in self.answers:
            reason = "same text as a positive"
        elif not passage.text.strip():
            reason = "no text"
        elif not scope.holds(key, value):
            reason = f"outside the scope {scope.part}"
        else:
            reason = self.choosing.selection.refusal(places)
        if reason is None and passage is not None:
            return replace(passage, retrieved=places)
        self.choosing.refused[str(reason)] += 1
        self._barred.add(key)
        return None

    def _windows(self, usable: Sequence[Passage]) -> dict[str, list[Passage]]:
        """The first candidates of all sources as one, or of every source that has a share."""
        depth = self.choosing.selection.depth
        if self.choosing.shares is None:
            return {"": list(usable[:depth])}
        by_source = {source: [p for p in usable if source in p.retrieved] for source in self.choosing.shares}
        return {
            source: sorted(found, key=lambda passage: passage.retrieved[source].rank)[:depth]
            for source, found in by_source.items()
        }

    def _quotas(self, sources: Sequence[str], count: int) -> dict[str, int]:
        shares = self.choosing.shares
        if shares is None:
            return dict.fromkeys(sources, count)
        return apportioned(shares, max(0, count), self._shares_rng)

    def _show(self, passages: Sequence[Passage]) -> None:
        """Let the guards see what they have not seen for this question."""
        new = [passage for passage in passages if passage.key not in self._shown]
        self._shown |= dict.fromkeys((passage.key for passage in new), None)
        self._shown |= {passage.key: passage for passage in self.choosing.show(self.example, new)}

    def _take(self, window: Sequence[Passage], count: int) -> None:
        """Draw from what the guards left of a window."""
        kept = [each for passage in window if (each := self._shown[passage.key]) and each.key not in self._taken]
        if count <= 0:
            return
        for passage in drawn(kept, count, self.choosing.selection.sampling, self._rng):
            count -= self._add(passage)
            # Not a draw more than is needed: the next choice goes on with the same generator.
            if count == 0:
                break

    def _draw(self, pool: Sequence[Passage], count: int) -> None:
        """Add random passages, fewer where the pool has not as many."""
        order = shuffled(pool, self._rng)
        for _ in range(DRAWS):
            fresh: list[Passage] = []
            while len(fresh) < count and (passage := next(order, None)) is not None:
                if self._may_be_drawn(passage):
                    fresh.append(passage)
            if not fresh:
                break
            self._show(fresh)
            for passage in fresh:
                kept = self._shown[passage.key]
                if kept is not None:
                    rank = 1 + sum(RANDOM in each.retrieved for each in self.mined)
                    count -= self._add(replace(kept, retrieved={RANDOM: Retrieved(rank, 0.0)}))

    def _may_be_drawn(self, passage: Passage) -> bool:
        unusable = passage.key in self._taken or passage.key in self._barred or passage.text in self.answers
        return not unusable and bool(passage.text.strip())

    def _fill(self, window: Sequence[Passage], count: int) -> None:
        """Add what is left of the window, best first, where too little could be drawn."""
        for passage in window:
            kept = self._shown[passage.key]
            if count > 0 and kept is not None and kept.key not in self._taken:
                count -= self._add(kept)

    def _add(self, passage: Passage) -> bool:
        """Add a negative, unless it is nearly the same as one that the question has."""
        least = self.choosing.selection.distinct
        if least is not None and self._likest(passage) >= least:
            self.choosing.refused["near-duplicate of another negative"] += 1
            self._taken.add(passage.key)
            return False
        self.mined.append(passage)
        self._taken.add(passage.key)
        return True

    def _likest(self, passage: Passage) -> float:
        """Similarity to the negative that it is most similar to."""
        shingles = shingles_of(normalised(passage.text))
        others = (shingles_of(normalised(other.text)) for other in (*self.judged, *self.mined))
        return max((jaccard(shingles, other) for other in others), default=0.0)
