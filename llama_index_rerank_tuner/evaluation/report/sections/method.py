"""How it was measured, and what cannot be concluded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index_rerank_tuner.evaluation.report.content import Paragraph, Section
from llama_index_rerank_tuner.evaluation.report.words import Words
from llama_index_rerank_tuner.evaluation.significance import ALPHA


def method(document: Mapping[str, Any], say: Words) -> Section:
    """The rules that were fixed before measuring, and the limits."""
    texts = [
        "Candidates were retrieved once for each question, and every contestant ranked the same list. A question "
        "without candidates scores 0, and a positive that retrieval missed counts against everyone. Metrics are those "
        "of trec_eval; the rank decides, never a tie of scores.",
        "Intervals are 95 %, from a paired bootstrap that draws whole source documents "
        f"({document['samples']:,} samples, seed {document['seed']}), because questions about one document stand or "
        "fall together. Under five source documents there is none.",
        "A difference is significant where its interval lies on one side of zero and its p value, of a sign-flip test "
        f"over source documents, is at most {ALPHA}. Better means significantly above every opponent, worse "
        "significantly below one (p values corrected for their number, Holm 1979); all else is no evidence, which does "
        "not mean equal.",
        "Passages that nobody judged count as not relevant. Where few are judged, a reranker that finds good passages "
        "nobody marked scores too low. The figures hold for questions and documents like these, and this retriever.",
        f"Written by llama-index-rerank-tuner {document['version']} on {document['created']}; report schema "
        f"{document['schema']}.",
    ]
    return Section("method", say("Method and limits"), [Paragraph(text) for text in texts])
