"""Which paragraphs of a paper an annotator's evidence is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from llama_index_rerank_tuner.dataset.qasper.schema import FIGURE_OR_TABLE, squeeze

MIN_CONTAINED = 30
"""Fewest characters for a match by containment: a lone brace or a number stands in many texts by chance."""

Way = Literal["exact", "evidence in paragraph", "paragraph in evidence", "figure or table", "no paragraph"]


@dataclass(frozen=True, slots=True)
class Match:
    """How a piece of evidence was found, and the ids of its paragraphs in the paper's order."""

    way: Way
    node_ids: tuple[str, ...] = ()


def match_evidence(evidence: str, paragraphs: Mapping[str, str]) -> Match:
    """Find a piece of evidence among a paper's paragraphs.

    White space does not count. Where no paragraph is the evidence, those that hold it are taken, and where there are
    none either, those that it holds.

    Args:
        evidence: As the annotator's record has it.
        paragraphs: Squeezed text to node id, in the paper's order.

    Example:
        >>> match_evidence("We train on   two treebanks.", {"We train on two treebanks.": "p1"})
        Match(way='exact', node_ids=('p1',))
        >>> match_evidence("FLOAT SELECTED: Table 1: Results", {})
        Match(way='figure or table', node_ids=())
    """
    text = squeeze(evidence)
    if text.startswith(FIGURE_OR_TABLE):
        return Match("figure or table")
    if text in paragraphs:
        return Match("exact", (paragraphs[text],))
    holding = tuple(id_ for each, id_ in paragraphs.items() if len(text) >= MIN_CONTAINED and text in each)
    if holding:
        return Match("evidence in paragraph", holding)
    held = tuple(id_ for each, id_ in paragraphs.items() if len(each) >= MIN_CONTAINED and each in text)
    return Match("paragraph in evidence", held) if held else Match("no paragraph")
