"""The cases to look through, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index_rerank_tuner.evaluation.report.content import CaseList, Paragraph, Section
from llama_index_rerank_tuner.evaluation.report.words import Words


def cases(document: Mapping[str, Any], say: Words) -> Section | None:
    """Both rankings of each question, worst change first; None where there is none."""
    if not document["cases"]:
        return None
    text = f"The first ten passages under {document['before']} and under {document['after']}; worst change first."
    listed = CaseList(document["cases"], document["before"], document["after"], document["metric"])
    return Section("cases", say("Cases"), [Paragraph(text), listed])
