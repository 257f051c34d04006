"""Guards against false negatives, one file a guard."""

from __future__ import annotations

from llama_index_rerank_tuner.mining.guards.guard import FLAGS, KEEP, Decision, Guard, Outcome, is_flagged
from llama_index_rerank_tuner.mining.guards.judge import JudgeGuard
from llama_index_rerank_tuner.mining.guards.margin import DEFAULT_MARGINS, Margin, MarginGuard
from llama_index_rerank_tuner.mining.guards.near_duplicates import NearDuplicatesGuard
from llama_index_rerank_tuner.mining.guards.near_queries import NearQueriesGuard
from llama_index_rerank_tuner.mining.guards.other_positives import OtherPositivesGuard
from llama_index_rerank_tuner.mining.guards.relations import RelationsGuard
from llama_index_rerank_tuner.mining.guards.teacher import TeacherGuard
from llama_index_rerank_tuner.protocols import Judge, Scorer

__all__ = [
    "DEFAULT_MARGINS",
    "FLAGS",
    "KEEP",
    "Decision",
    "Guard",
    "JudgeGuard",
    "Margin",
    "MarginGuard",
    "NearDuplicatesGuard",
    "NearQueriesGuard",
    "OtherPositivesGuard",
    "Outcome",
    "RelationsGuard",
    "TeacherGuard",
    "default_guards",
    "is_flagged",
]


def default_guards(teacher: Scorer | None = None, judge: Judge | None = None) -> list[Guard]:
    """Fresh guards with their default settings, the cheapest first; chosen from ``benchmarks/false_negatives.py``.

    Args:
        teacher: A stronger reranker; None to do without.
        judge: An LLM or another judge, asked last, about what is still in doubt; None to do without.

    Example:
        >>> [guard.name for guard in default_guards()]
        ['other positives', 'near queries', 'near duplicates', 'relations', 'margin']
    """
    guards: list[Guard] = [
        OtherPositivesGuard(),
        NearQueriesGuard(),
        NearDuplicatesGuard(),
        RelationsGuard(),
        MarginGuard(),
    ]
    if teacher is not None:
        guards.append(TeacherGuard(teacher))
    if judge is not None:
        guards.append(JudgeGuard(judge))
    return guards
