"""What mining did: where the negatives came from, and why candidates were refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class MiningReport:
    """Counts of one mining run; ``str()`` is a table.

    Args:
        questions: Questions mined for.
        negatives: Negatives chosen, by source; one found by two sources counts for both.
        refused: Candidates not used, by reason.
        short: Questions that got fewer negatives than asked for.
    """

    questions: int = 0
    negatives: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    short: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The counts for a JSON report."""
        return {
            "questions": self.questions,
            "negatives": dict(self.negatives),
            "refused": dict(self.refused),
            "short": self.short,
        }

    def __str__(self) -> str:
        """A table, one count a line."""
        rows = [("questions", self.questions), ("with too few negatives", self.short)]
        rows += [(f"negatives from {source}", count) for source, count in sorted(self.negatives.items())]
        rows += [(f"refused: {reason}", count) for reason, count in sorted(self.refused.items())]
        return "\n".join(f"{name:<40} {count}" for name, count in rows)
