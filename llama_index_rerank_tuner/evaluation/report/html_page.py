"""The report as one HTML page: style, script and plots inside it, nothing from a network."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import singledispatch
from hashlib import sha256
from html import escape
from importlib.resources import files
from itertools import groupby
from string import Template
from typing import Any

from llama_index_rerank_tuner.evaluation.report.charts.chart import Chart
from llama_index_rerank_tuner.evaluation.report.charts.svg import svg
from llama_index_rerank_tuner.evaluation.report.content import (
    Block,
    CaseList,
    KeyFigures,
    Paragraph,
    Plots,
    Section,
    Table,
)
from llama_index_rerank_tuner.evaluation.report.html_cases import case_list
from llama_index_rerank_tuner.evaluation.report.sections import report_sections

_PARTS = re.compile(r"\[[^\]]*\]|\([^)]*\)|[^\[(]+")
LONG = 40
"""A name of more characters gets a wider column."""
LANGUAGES = {"en": "en", "zh": "zh-Hans"}


def report_html(document: Mapping[str, Any], language: str = "en") -> str:
    """The report as a page that needs no other file.

    Everything that comes from data is escaped; besides, the page's own policy lets a browser run nothing but its own
    script, and load nothing.

    Args:
        document: See ``report_document``.
        language: ``en`` or ``zh``: of the headings and the gap section.
    """
    sections = report_sections(document, language)
    style, script = _page_file("style.css"), _page_file("script.js")
    return Template(_page_file("template.html")).substitute(
        language=LANGUAGES[language],
        title=escape(document["title"]),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        contents=" ".join(f'<a href="#{each.name}">{escape(each.heading)}</a>' for each in sections),
        sections="\n".join(map(_section, sections)),
    )


def _page_file(name: str) -> str:
    return (files(__package__) / "page" / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    """What the page's policy names an inline style or script by."""
    return b64encode(sha256(content.encode()).digest()).decode()


def _section(section: Section) -> str:
    grouped = groupby(section.blocks, key=lambda block: isinstance(block, Plots))
    blocks = "\n".join(_together(list(each)) if plots else "\n".join(map(html, each)) for plots, each in grouped)
    return f'<section id="{section.name}">\n<h2>{escape(section.heading)}</h2>\n{blocks}\n</section>'


@singledispatch
def html(block: Block) -> str:
    """One block as HTML."""
    raise NotImplementedError(type(block).__name__)


@html.register
def _(block: Paragraph) -> str:
    kind = f' class="said {block.tone}"' if block.tone else ""
    return f"<p{kind}>{escape(block.text)}</p>"


@html.register
def _(block: KeyFigures) -> str:
    figures = "".join(
        f"<li><span>{escape(label)}</span><strong>{_cell(figure)}</strong><span>{escape(remark)}</span></li>"
        for label, figure, remark in block.figures
    )
    return f'<ul class="key">{figures}</ul>'


@html.register
def _(block: Table) -> str:
    head = _row("th", block.columns, block.names)
    tones = block.tones or [""] * len(block.rows)
    body = "\n".join(_row("td", row, block.names, tone) for row, tone in zip(block.rows, tones, strict=True))
    kind = ' class="long"' if any(len(row[0]) > LONG for row in block.rows) else ""
    table = (
        '<div class="wide" tabindex="0" role="region" aria-label="table">'
        f"<table{kind}><thead>{head}</thead>\n<tbody>{body}</tbody></table></div>"
    )
    return f"<details><summary>{escape(block.title)}</summary>{table}</details>" if block.folded else table


@html.register
def _(block: CaseList) -> str:
    return case_list(block)


def _row(cell: str, texts: Sequence[str], names: int, tone: str = "") -> str:
    cells = "".join(
        f'<{cell} class="name">{escape(text)}</{cell}>' if column < names else f"<{cell}>{_cell(text)}</{cell}>"
        for column, text in enumerate(texts)
    )
    return f'<tr class="{tone}">{cells}</tr>' if tone else f"<tr>{cells}</tr>"


def _cell(text: str) -> str:
    """A figure whose interval and percentage may stand on lines of their own."""
    parts = _PARTS.findall(text)
    whole = len(parts) < 2 or "".join(parts) != text
    return escape(text) if whole else " ".join(f"<span>{escape(part.strip())}</span>" for part in parts)


def _together(plots: Sequence[Block]) -> str:
    """Plots that follow each other, side by side where there is room."""
    charts = [chart for block in plots if isinstance(block, Plots) for chart in block.charts]
    return f'<div class="plots">{"".join(map(_figure, charts))}</div>'


def _figure(chart: Chart) -> str:
    legend = "".join(f'<li><i class="role-{role}"></i>{escape(label)}</li>' for role, label in chart.legend)
    listed = f'<ul class="legend">{legend}</ul>' if legend else ""
    return f"<figure><figcaption>{escape(chart.title)}</figcaption>{svg(chart)}{listed}</figure>"
