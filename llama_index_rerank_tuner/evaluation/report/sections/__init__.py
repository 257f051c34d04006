"""The sections of a report, in the order they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index_rerank_tuner.evaluation.report.content import Section
from llama_index_rerank_tuner.evaluation.report.sections import cases, cost, gap, method, quality, verdict, where
from llama_index_rerank_tuner.evaluation.report.words import words

SECTIONS = (
    verdict.verdict,
    quality.scores,
    quality.changes,
    quality.room,
    cost.depth,
    gap.distributions,
    gap.gap,
    gap.gains,
    gap.reliability,
    where.by_slice,
    where.noise,
    cost.costs,
    cases.cases,
    method.method,
)


def report_sections(document: Mapping[str, Any], language: str = "en") -> list[Section]:
    """What the report says, section by section; a section whose measurement was not made is left out.

    Args:
        document: See ``report_document``.
        language: ``en`` or ``zh``: of the headings and the gap section.
    """
    say = words(language)
    return [section for build in SECTIONS if (section := build(document, say)) is not None]
