"""The guard that asks a judge, about the candidates that are in doubt only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.journal import content_hash
from llama_index_rerank_tuner.mining.guards.guard import KEEP, Decision, is_flagged
from llama_index_rerank_tuner.protocols import Judge
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from llama_index_rerank_tuner.dataset import RerankDataset


class JudgeGuard:
    """Drops what a judge (an LLM, a person) finds relevant; asks only about the ambiguous band, within a budget.

    In doubt are the candidates that an earlier guard flagged and those at the very top of a source. Flagged ones are
    asked about first, then the others by rank. The budget is shared out evenly before mining starts, and what one
    question does not use is not given to another: so a run that was killed and goes on asks the same pairs.

    Args:
        judge: The judge.
        budget: Pairs asked about in all, at most.
        ranks: Candidates among the first ``ranks`` of a source are in doubt; 0 for the flagged ones only.
        relevant_from: Grade from which on a passage is dropped; a lower one over 0 flags it.

    Raises:
        ConfigError: A setting is out of its range.

    Example:
        >>> class SaysYes:
        ...     name = "says yes"
        ...     def __call__(self, pairs):
        ...         return [1.0 for _ in pairs]
        >>> from llama_index_rerank_tuner.dataset import RerankDataset
        >>> from llama_index_rerank_tuner.records import Retrieved
        >>> dataset = RerankDataset.from_records([{"query": "What fee?", "pos": ["40 crowns."]}])
        >>> guard = JudgeGuard(SaysYes(), ranks=1)
        >>> guard.prepare(dataset, [])
        >>> top = Passage("Forty.", retrieved={"bm25": Retrieved(1, 9.0)})
        >>> low = Passage("Dogs.", retrieved={"bm25": Retrieved(9, 1.0)})
        >>> [each.outcome for each in guard.decide(dataset[0], [top, low])]
        ['drop', 'keep']
    """

    def __init__(self, judge: Judge, *, budget: int = 1000, ranks: int = 3, relevant_from: float = 1.0) -> None:
        if budget < 0 or ranks < 0:
            raise ConfigError(f"budget and ranks must be 0 or more, got {budget!r} and {ranks!r}.")
        if not relevant_from > 0:
            raise ConfigError(f"relevant_from must be over 0, got {relevant_from!r}.")
        self.budget, self.ranks, self.relevant_from = budget, ranks, relevant_from
        self._judge = judge
        self._allowance, self._favoured = 0, frozenset[str]()
        self._asked: Counter[str] = Counter()

    @property
    def name(self) -> str:
        """Name for reports: the judge's."""
        return f"judge {self._judge.name}"

    def prepare(self, dataset: RerankDataset, nodes: Sequence[BaseNode]) -> None:
        """Share out the budget among the questions; who gets a pair more depends on the ids, not on their order."""
        self._allowance, left = divmod(self.budget, max(1, len(dataset)))
        self._favoured = frozenset(sorted((each.query_id for each in dataset), key=content_hash)[:left])
        self._asked.clear()

    def decide(self, example: RerankExample, candidates: Sequence[Passage]) -> list[Decision]:
        """Ask about the doubtful candidates.

        Raises:
            DataError: The judge gave another number of grades than it got pairs.
        """
        doubtful = self._doubtful(candidates)
        allowance = self._allowance + (example.query_id in self._favoured) - self._asked[example.query_id]
        asked, unasked = doubtful[:allowance], doubtful[allowance:]
        self._asked[example.query_id] += len(asked)
        grades = self._ask(example, [candidates[place] for place in asked])
        decisions = dict(zip(asked, map(self._decision, grades), strict=True))
        decisions |= dict.fromkeys(unasked, Decision("flag", "not judged: budget spent"))
        return [decisions.get(place, KEEP) for place in range(len(candidates))]

    def _doubtful(self, candidates: Sequence[Passage]) -> list[int]:
        """Places of the candidates in doubt, the most urgent first."""
        urgency = {
            place: (not is_flagged(candidate), _best_rank(candidate)) for place, candidate in enumerate(candidates)
        }
        doubtful = (place for place, (calm, rank) in urgency.items() if not calm or rank <= self.ranks)
        return sorted(doubtful, key=lambda place: urgency[place])

    def _ask(self, example: RerankExample, passages: Iterable[Passage]) -> list[float | None]:
        pairs = [(example.query, passage.text) for passage in passages]
        grades = self._judge(pairs) if pairs else []
        if len(grades) != len(pairs):
            raise DataError(
                example.place,
                f"the judge {self._judge.name} gave {len(grades)} grades for {len(pairs)} pairs",
                "Expected one grade a pair, None where there is none.",
            )
        return grades

    def _decision(self, grade: float | None) -> Decision:
        # A NaN is no answer either: it equals nothing, itself included.
        if grade is None or grade != grade:
            return Decision("flag", "judge gave no answer")
        if grade >= self.relevant_from:
            return Decision("drop", "judged relevant")
        return Decision("flag", "judged partly relevant") if grade > 0 else KEEP


def _best_rank(candidate: Passage) -> float:
    ranks = (place.rank for source, place in candidate.retrieved.items() if source not in ("random", "given"))
    return min(ranks, default=float("inf"))
