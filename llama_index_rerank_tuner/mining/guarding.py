"""Showing a question's candidates to the guards, in order, and keeping account of what they did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from llama_index_rerank_tuner.errors import RerankTunerError
from llama_index_rerank_tuner.mining.guards.guard import FLAGS, Decision, Guard
from llama_index_rerank_tuner.mining.report import GuardCase, MiningReport
from llama_index_rerank_tuner.records import Passage, RerankExample


def guarded(
    guards: Sequence[Guard], example: RerankExample, candidates: Sequence[Passage], report: MiningReport, seed: int
) -> list[Passage]:
    """The candidates that no guard dropped, each with its flags; every guard sees what those before it let through.

    Raises:
        RerankTunerError: A guard decided on fewer or more candidates than it was shown.
    """
    left = list(candidates)
    for guard in guards:
        if not left:
            break
        decisions = guard.decide(example, left)
        if len(decisions) != len(left):
            raise RerankTunerError(
                f"The guard {guard.name!r} was shown {len(left)} candidates and decided on {len(decisions)}: its "
                "decide() must return one decision for each candidate."
            )
        for passage, decision in zip(left, decisions, strict=True):
            _note(guard.name, example, passage, decision, report, seed)
        left = [
            _flagged(passage, guard.name, decision)
            for passage, decision in zip(left, decisions, strict=True)
            if decision.outcome != "drop"
        ]
    return left


def _note(
    guard: str, example: RerankExample, passage: Passage, decision: Decision, report: MiningReport, seed: int
) -> None:
    if decision.outcome == "keep":
        report.guards.setdefault(guard, Counter())["keep"] += 1
        return
    if decision.outcome == "drop":
        report.refused[f"{guard}: {decision.reason}"] += 1
    report.add_case(
        GuardCase(guard, decision.outcome, decision.reason, example.query_id, example.query, passage.key, passage.text),
        seed,
    )


def _flagged(passage: Passage, guard: str, decision: Decision) -> Passage:
    if decision.outcome == "keep":
        return passage
    flags = [*passage.metadata.get(FLAGS, ()), f"{guard}: {decision.reason}"]
    return replace(passage, metadata={**passage.metadata, FLAGS: flags})
