"""The case browser: what both rerankers made of a question, to read with one's own eyes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult
from llama_index_rerank_tuner.records import RerankExample

SHOWN = 10
"""Passages of a ranking."""
LONGEST_TEXT = 400
"""Characters of a passage."""


def case_browser(
    result: BenchmarkResult, before: str, after: str, metric: str = "nDCG@10", most: int = 200
) -> list[dict[str, Any]]:
    """Lay out questions with the rankings of two contestants, the worst change first, as JSON values.

    Args:
        result: What was measured.
        before: Name of the first contestant.
        after: Name of the second.
        metric: What change is measured on.
        most: Most questions.

    Returns:
        For each question ``query_id``, ``query``, ``group`` (its source document, None where it has none), and under
        ``before`` and ``after``: ``score`` (of the metric), ``ranking`` (the first 10 passages with ``key``, ``text``
        cut to 400 characters, ``score`` on the contestant's own scale, and ``relevant``, the grade) and ``missed``
        (``key``, ``text`` and ``relevant`` of the positives that retrieval did not find, so that no reranker could).

    Raises:
        ConfigError: A contestant or the metric is unknown, or ``most`` is no number of questions.
        DataError: The result lacks the example of a question.
    """
    if most < 1:
        raise ConfigError(f"most must be a positive number of questions, got {most}.")
    change = result.differences(after, before, metric)
    examples = examples_of(result)
    return [
        {
            "query_id": query_id,
            "query": result.queries[query_id],
            "group": examples[query_id].group,
            "before": _side(result, before, query_id, metric),
            "after": _side(result, after, query_id, metric),
        }
        for query_id in sorted(examples, key=lambda each: change[each])[:most]
    ]


def examples_of(result: BenchmarkResult) -> dict[str, RerankExample]:
    """The example of every question, in the order of the questions.

    Raises:
        DataError: The result lacks one.
    """
    for query_id in result.queries:
        if query_id not in result.examples:
            raise DataError(
                f"query {query_id!r}", "the result holds no example of it", "Take the result of RerankBenchmark.run."
            )
    return {query_id: result.examples[query_id] for query_id in result.queries}


def _side(result: BenchmarkResult, contestant: str, query_id: str, metric: str) -> dict[str, Any]:
    example, grades = result.examples[query_id], result.qrels[query_id]
    texts = _texts(example)
    return {
        "score": result.scores[contestant][metric][query_id],
        "ranking": [
            {"key": key, "text": _cut(texts.get(key, "")), "score": score, "relevant": grades.get(key, 0)}
            for key, score in result.rankings[contestant][query_id][:SHOWN]
        ],
        "missed": _missed(example, grades),
    }


def _missed(example: RerankExample, grades: Mapping[str, int]) -> list[dict[str, Any]]:
    found = {passage.key for passage in example.candidates or ()}
    missed = {passage.key: passage.text for passage in example.positives if passage.key not in found}
    return [{"key": key, "text": _cut(text), "relevant": grades[key]} for key, text in missed.items()]


def _texts(example: RerankExample) -> dict[str, str]:
    known = chain(example.negatives, example.positives, example.candidates or ())
    return {passage.key: passage.text for passage in known}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1].rstrip() + "…"
