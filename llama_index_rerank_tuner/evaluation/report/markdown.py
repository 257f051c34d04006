"""The report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import singledispatch
from typing import Any

from llama_index_rerank_tuner.evaluation.report.content import Block, CaseList, KeyFigures, Paragraph, Plots, Table
from llama_index_rerank_tuner.evaluation.report.figures import share
from llama_index_rerank_tuner.evaluation.report.sections import report_sections

MOST_ROWS = 20
MOST_CASES = 5
_SPECIAL = re.compile(r"[\\`*<>|~$&]|(?<!\w)_|_(?!\w)|(?<=\])[(\[]")
_LEADING = re.compile(r"^[#+-]")


def report_markdown(document: Mapping[str, Any], language: str = "en", pictures: Collection[str] = ()) -> str:
    """The report as Markdown; what comes from data is escaped.

    Args:
        document: See ``report_document``.
        language: ``en`` or ``zh``: of the headings and the gap section.
        pictures: Names of the plots that lie beside it as ``NAME.png``; the others are left out.
    """
    parts = [f"# {escaped(document['title'])}"]
    for section in report_sections(document, language):
        parts.append(f"## {section.heading}")
        parts += [text for block in section.blocks if (text := markdown(block, pictures))]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    r"""Text that Markdown shows as it is, on one line.

    Example:
        >>> escaped("a | <b>")
        'a \\| \\<b\\>'
    """
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))


def _paragraph(text: str) -> str:
    """Escaped text that is no heading and no list, whatever it begins with."""
    return _LEADING.sub(r"\\\g<0>", escaped(text))


@singledispatch
def markdown(block: Block, pictures: Collection[str]) -> str:
    """One block as Markdown; empty where there is nothing to show."""
    raise NotImplementedError(type(block).__name__)


@markdown.register
def _(block: Paragraph, pictures: Collection[str]) -> str:
    return f"**{escaped(block.text)}**" if block.tone else _paragraph(block.text)


@markdown.register
def _(block: KeyFigures, pictures: Collection[str]) -> str:
    lines = [f"{label}: {figure}" + (f" ({remark})" if remark else "") for label, figure, remark in block.figures]
    return "\n".join(f"- {_paragraph(line)}" for line in lines)


@markdown.register
def _(block: Plots, pictures: Collection[str]) -> str:
    return f"![{escaped(block.charts[0].title)}]({block.name}.png)" if block.name in pictures else ""


@markdown.register
def _(block: Table, pictures: Collection[str]) -> str:
    if block.folded:
        return f"{escaped(block.title)}: {len(block.rows)} more in report.html."
    left = len(block.rows) - MOST_ROWS
    more = f"\n\n{left} more rows in report.html." if left > 0 else ""
    return aligned([block.columns, *block.rows[:MOST_ROWS]], block.names) + more


@markdown.register
def _(block: CaseList, pictures: Collection[str]) -> str:
    cases = [_case(case, block) for case in block.cases[:MOST_CASES]]
    return "\n".join([*cases, f"\nAll {len(block.cases)} with both rankings in report.html."])


def _case(case: Mapping[str, Any], block: CaseList) -> str:
    scores = f"{share(case['before']['score'])} → {share(case['after']['score'])}"
    return f"- {_paragraph(case['query'])}: {block.metric} {scores}"


def aligned(rows: Sequence[Sequence[str]], names: int = 1) -> str:
    """A table whose columns line up, the first row its heading; columns of figures stand on the right."""
    cells = [[escaped(cell) for cell in row] for row in rows]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(cells[0]))]
    lines = ["| " + " | ".join(_padded(row, widths, names)) + " |" for row in cells]
    rule = ["-" * (width + 2) if column < names else "-" * (width + 1) + ":" for column, width in enumerate(widths)]
    lines.insert(1, "|" + "|".join(rule) + "|")
    return "\n".join(lines)


def _padded(row: Sequence[str], widths: Sequence[int], names: int) -> list[str]:
    return [
        cell.ljust(width) if column < names else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
