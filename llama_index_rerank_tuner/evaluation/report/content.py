"""What a report says, before it becomes a page or Markdown: sections of paragraphs, tables and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llama_index_rerank_tuner.evaluation.report.charts.chart import Chart


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain text; ``tone`` is better, worse, none (no evidence) or empty."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text. The first ``names`` columns name things, the others hold figures.

    Args:
        columns: Headings.
        rows: Cells, as many as there are headings.
        names: Number of columns of names, which stand on the left.
        tones: For each row better, worse or empty; none at all where no row stands out.
        folded: Whether the page shows it only when asked.
        title: What it holds; needed where it is folded.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int = 1
    tones: Sequence[str] = ()
    folded: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """The few figures that sum it up, each (label, figure, remark)."""

    figures: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Plots:
    """Plots that belong together, as one picture file ``name``."""

    name: str
    charts: Sequence[Chart]


@dataclass(frozen=True, slots=True)
class CaseList:
    """The cases to look through: a page lists all of them, Markdown the first few."""

    cases: Sequence[Mapping[str, Any]]
    before: str
    after: str
    metric: str


Block = Paragraph | KeyFigures | Table | Plots | CaseList


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it; ``name`` is the anchor."""

    name: str
    heading: str
    blocks: Sequence[Block]
