"""What mining did: where the negatives came from, and why candidates were refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any, Literal, NamedTuple

from llama_index_rerank_tuner.journal import content_hash
from llama_index_rerank_tuner.json_files import write_json

SAMPLE = 5
"""So many cases of each guard and reason are kept for a person to check."""

Side = Literal["positive", "negative"]


class GuardCase(NamedTuple):
    """One thing that a guard did, for a person to check.

    Args:
        guard: Name of the guard.
        outcome: ``drop`` or ``flag``.
        reason: Its reason.
        query_id: Id of the question.
        query: The question.
        node_id: Id of the passage.
        passage: The passage's text.
    """

    guard: str
    outcome: str
    reason: str
    query_id: str
    query: str
    node_id: str
    passage: str


@dataclass(slots=True)
class MiningReport:
    """Counts of one mining run; ``str()`` is a table.

    Args:
        questions: Questions mined for.
        negatives: Negatives chosen, by source; one found by two sources counts for both.
        refused: Candidates not used, by reason, the guards' reasons among them.
        short: Questions that got fewer negatives than asked for.
        scope: Among which passages the negatives were mined.
        guards: Guard to what it did: ``keep``, or ``drop: <reason>`` and ``flag: <reason>``, to its count.
        oddities: What was odd in the sources' answers (nodes returned twice, without a score, nothing found), and how
            many calls failed, those that a retry mended among them.
        failed: Source to the ids of the questions it gave no answer to, with the problem; they were mined from the
            other sources.
        scores: Source to its scores of the positives and of the chosen negatives.
    """

    questions: int = 0
    negatives: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    short: int = 0
    scope: str = "corpus"
    guards: dict[str, Counter[str]] = field(default_factory=dict)
    oddities: Counter[str] = field(default_factory=Counter)
    failed: dict[str, dict[str, str]] = field(default_factory=dict)
    scores: dict[str, dict[Side, list[float]]] = field(default_factory=dict)
    _cases: dict[tuple[str, str, str], list[tuple[str, GuardCase]]] = field(default_factory=dict, repr=False)

    @property
    def cases(self) -> list[GuardCase]:
        """Up to five drawn cases of every guard and reason."""
        return [case for kept in self._cases.values() for _, case in kept]

    def add_case(self, case: GuardCase, seed: int) -> None:
        """Count what a guard did, and keep the case if its draw is among the five lowest of its kind."""
        self.guards.setdefault(case.guard, Counter())[f"{case.outcome}: {case.reason}"] += 1
        kept = self._cases.setdefault(case[:3], [])
        # The draw depends on the case alone, so that the order of the questions makes no difference.
        kept.append((content_hash(seed, *case[:3], case.query_id, case.node_id), case))
        kept.sort()
        del kept[SAMPLE:]

    def add_score(self, source: str, side: Side, score: float) -> None:
        """Note the score of a positive or of a chosen negative."""
        self.scores.setdefault(source, {"positive": [], "negative": []})[side].append(score)

    def to_dict(self) -> dict[str, Any]:
        """The counts for a JSON report, the scores as quartiles."""
        return {
            "questions": self.questions,
            "negatives": dict(self.negatives),
            "refused": dict(self.refused),
            "short": self.short,
            "scope": self.scope,
            "guards": {name: dict(did) for name, did in self.guards.items()},
            "oddities": dict(self.oddities),
            "failed": {source: dict(questions) for source, questions in self.failed.items()},
            "scores": {
                source: {side: _spread(scores) for side, scores in by_side.items()}
                for source, by_side in sorted(self.scores.items())
            },
            "cases": [case._asdict() for case in self.cases],
        }

    def save(self, path: str | Path) -> None:
        """Write ``to_dict()`` as JSON."""
        write_json(Path(path), self.to_dict())

    def __str__(self) -> str:
        """A table, one count a line."""
        rows = [("questions", self.questions), ("with too few negatives", self.short)]
        rows += [(f"negatives from {source}", count) for source, count in sorted(self.negatives.items())]
        rows += [(f"refused: {reason}", count) for reason, count in sorted(self.refused.items())]
        rows += [
            (f"{guard} {did}", count) for guard, all_ in self.guards.items() for did, count in sorted(all_.items())
        ]
        rows += [(oddity, count) for oddity, count in sorted(self.oddities.items())]
        rows += [(f"questions that {source} failed", len(failed)) for source, failed in sorted(self.failed.items())]
        width = max(40, *(len(name) for name, _ in rows))
        scope = [] if self.scope == "corpus" else [f"{'scope':<{width}} {self.scope}"]
        return "\n".join(scope + [f"{name:<{width}} {count}" for name, count in rows])


def _spread(scores: Sequence[float]) -> dict[str, float]:
    """Number of scores, lowest, quartiles and highest."""
    if not scores:
        return {"count": 0}
    low, middle, high = quantiles(scores, n=4, method="inclusive") if len(scores) > 1 else [scores[0]] * 3
    names = ("lowest", "lower quartile", "median", "upper quartile", "highest")
    return {"count": len(scores), **dict(zip(names, (min(scores), low, middle, high, max(scores)), strict=True))}
