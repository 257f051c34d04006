"""``Audit``: what was found, as a table, as a dictionary and as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset.audit.advice import AdviceRow
from llama_index_rerank_tuner.dataset.audit.balance import Balance
from llama_index_rerank_tuner.dataset.audit.counts import Counts
from llama_index_rerank_tuner.dataset.audit.finding import SEVERITIES, Finding
from llama_index_rerank_tuner.dataset.audit.length import Lengths
from llama_index_rerank_tuner.json_files import write_json

RECORDS_SHOWN = 3
SHARES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Audit(Counts):
    """Counts and faults of a data set; ``str()`` is a table.

    Args:
        advice: Size and ratio against every row of the advice.
        balance: How the questions are spread.
        lengths: What a model's ``max_length`` cuts off.
        findings: The faults, gravest first.
    """

    advice: tuple[AdviceRow, ...]
    balance: Balance
    lengths: Lengths
    findings: tuple[Finding, ...]

    @property
    def must_fix(self) -> tuple[Finding, ...]:
        """The findings that spoil training or measuring; ``repair()`` mends them."""
        return tuple(finding for finding in self.findings if finding.severity == "must fix")

    def finding(self, kind: str) -> Finding | None:
        """The finding of a kind; None where there is none."""
        return next((finding for finding in self.findings if finding.kind == kind), None)

    def to_dict(self) -> dict[str, Any]:
        """Everything for a JSON report."""
        return {
            **self._counts(),
            "advice": [row.to_dict() for row in self.advice],
            "balance": self.balance.to_dict(),
            "lengths": asdict(self.lengths),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def save(self, path: str | Path) -> None:
        """Write everything as JSON."""
        write_json(Path(path), self.to_dict())

    def __str__(self) -> str:
        """A table: counts, advice, balance, lengths, and the findings with their first records."""
        return "\n".join([*self._count_lines(), "", *self._advice_lines(), "", *self._balance_lines(), ""]) + "\n".join(
            ["", *self._finding_lines()]
        )

    def _counts(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(Counts)} | {"ratio": self.ratio}

    def _count_lines(self) -> Iterator[str]:
        shown = self._counts() | {"ratio": "n/a" if self.ratio is None else f"1 : {self.ratio:.2f}"}
        for name, value in shown.items():
            yield f"{name.replace('_', ' '):<20} {value:,}" if isinstance(value, int) else f"{name:<20} {value}"

    def _advice_lines(self) -> Iterator[str]:
        head = ("advice (questions)", "train", "validation", "pos : neg")
        for cells in (head, *(row.cells() for row in self.advice)):
            yield "  ".join(f"{cell:<20}" for cell in cells).rstrip()

    def _balance_lines(self) -> Iterator[str]:
        yield f"{'question types':<20} {_shares(self.balance.question_types, self.questions)}"
        yield f"{'languages':<20} {_shares(self.balance.languages, self.questions)}"
        largest = ", ".join(f"{name} {count}" for name, count in list(self.balance.documents.items())[:SHARES_SHOWN])
        yield f"{'largest documents':<20} {largest or 'no question names its source document'}"
        yield f"{'length':<20} {self.lengths}"

    def _finding_lines(self) -> Iterator[str]:
        if not self.findings:
            yield "No fault was found."
        for finding in self.findings:
            yield f"{finding.severity:<12} {finding.kind}: {finding.sentence}"
            yield from (f"{'':<12}   {record}" for record in finding.records[:RECORDS_SHOWN])
            if finding.records and finding.count > RECORDS_SHOWN:
                yield f"{'':<12}   … and {finding.count - RECORDS_SHOWN:,} more"


def gravest_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Sorted by severity, otherwise in the order they were found."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def _shares(counts: Mapping[str, int], total: int) -> str:
    shown = list(counts.items())[:SHARES_SHOWN]
    more = ", …" if len(counts) > SHARES_SHOWN else ""
    return ", ".join(f"{name} {count / total:.0%}" for name, count in shown) + more
