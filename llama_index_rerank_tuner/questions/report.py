"""What making questions did: how many came out, what they cost, and what became of every node."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from llama_index_rerank_tuner.questions.manners import Usage

HEURISTIC_NOTE = (
    "These questions were made from headings and key phrases, by no person and no LLM. They are good enough to try "
    "the road; do not judge a reranker by them."
)


@dataclass(slots=True)
class GenerationReport:
    """What became of every node and every question; ``str()`` is a table.

    Args:
        source: ``llm`` or ``heuristic``.
        model: Name of the LLM; None without one.
        nodes: Nodes given.
        questions: Questions in the data set.
        usage: What asking cost.
        failed: Node id to the reason why the LLM gave nothing for it.
        unasked: Ids of nodes that a cap left for the next run.
        nothing_to_ask: Ids of nodes that hold nothing worth asking.
        refused: Questions not used, by reason.
        duplicates: Questions that said the same as an earlier one; where they came from other nodes, those nodes
            answer the earlier one too.
        missed: Questions for which the round trip did not find their node; None without a round trip.
        note: What a reader must know of these questions; None when nothing.
    """

    source: Literal["llm", "heuristic"]
    model: str | None = None
    nodes: int = 0
    questions: int = 0
    usage: Usage = field(default_factory=Usage)
    failed: dict[str, str] = field(default_factory=dict)
    unasked: list[str] = field(default_factory=list)
    nothing_to_ask: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    missed: int | None = None
    note: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every node was asked about, with an answer."""
        return not self.failed and not self.unasked

    def to_dict(self) -> dict[str, Any]:
        """The counts for a JSON report."""
        return {
            "source": self.source,
            "model": self.model,
            "nodes": self.nodes,
            "questions": self.questions,
            "calls": self.usage.calls,
            "tokens": self.usage.tokens,
            "remembered": self.usage.remembered,
            "unreadable": self.usage.unreadable,
            "faults": dict(self.usage.faults),
            "stopped": self.usage.stopped,
            "failed": dict(self.failed),
            "unasked": list(self.unasked),
            "nothing_to_ask": list(self.nothing_to_ask),
            "refused": dict(self.refused),
            "duplicates": self.duplicates,
            "missed": self.missed,
            "note": self.note,
        }

    def __str__(self) -> str:
        """A table, one count a line, then the note and the first failed nodes."""
        rows: list[tuple[str, object]] = [
            ("made by", self.model or self.source),
            ("nodes", self.nodes),
            ("questions", self.questions),
            ("nodes that failed", len(self.failed)),
            ("nodes not asked yet", len(self.unasked)),
            ("nodes with nothing to ask", len(self.nothing_to_ask)),
            ("duplicate questions", self.duplicates),
            *((f"refused: {reason}", count) for reason, count in sorted(self.refused.items())),
        ]
        if self.missed is not None:
            rows.append(("questions that do not find their node", self.missed))
        if self.source == "llm":
            rows += _cost_rows(self.usage)
        table = [f"{name:<40} {value}" for name, value in rows]
        failures = [f"failed: node {node_id}: {reason}" for node_id, reason in list(self.failed.items())[:10]]
        ending = [f"stopped: {self.usage.stopped}"] if self.usage.stopped else []
        return "\n".join([*table, *failures, *ending, *([self.note] if self.note else [])])


def _cost_rows(usage: Usage) -> list[tuple[str, object]]:
    return [
        ("calls", usage.calls),
        ("tokens", usage.tokens),
        ("answers from the journal", usage.remembered),
        ("unreadable answers", usage.unreadable),
        *((f"failed calls: {problem}", count) for problem, count in sorted(usage.faults.items())),
    ]
