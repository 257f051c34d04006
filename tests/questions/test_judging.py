"""Judging pairs: every pair gets a judgement or stands as unknown, with the raw answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.protocols import Judge
from llama_index_rerank_tuner.questions import LLMJudge, judge_pairs
from llama_index_rerank_tuner.records import Passage, RerankExample
from tests.questions.stub import FunctionLLM

ANSWERS = {"fee": "Yes.", "form": "no, other subject", "cat": "Hard to tell.", "dog": "yes, because it barks"}
PAIRS = [("Who pays?", f"The {word} of it.") for word in ANSWERS]


def _answer(prompt: str) -> str:
    return next(answer for word, answer in ANSWERS.items() if word in prompt)


def test_each_pair_has_its_grade_its_verdict_and_the_raw_answer() -> None:
    judged, report = judge_pairs(PAIRS, FunctionLLM(_answer), retries=1)
    assert [(each.grade, each.verdict, each.raw) for each in judged] == [
        (1.0, "relevant", "Yes."),
        (0.0, "not relevant", "no, other subject"),
        (None, "unknown", "Hard to tell."),
        (1.0, "relevant", "yes, because it barks"),
    ]
    assert judged[2].problem == "no readable answer in 2 tries"
    assert (report.relevant, report.not_relevant, report.unknown, report.usage.calls) == (2, 1, 1, 5)
    assert "unknown                                  1" in str(report)


def test_grades_and_their_verdicts() -> None:
    grades = {"fee": "3", "form": "1", "cat": "Grade: 2", "dog": "0"}
    llm = FunctionLLM(
        lambda prompt: next(grade for word, grade in grades.items() if word in prompt.split("Passage:")[1])
    )
    judged, _ = judge_pairs(PAIRS, llm, "graded")
    assert [each.grade for each in judged] == [3.0, 1.0, 2.0, 0.0]
    assert [each.verdict for each in judged] == ["relevant", "not relevant", "relevant", "not relevant"]


def test_chinese_pairs_are_judged_in_chinese() -> None:
    llm = FunctionLLM(lambda prompt: "是" if "费用" in prompt else "不相关")
    judged, _ = judge_pairs([("谁付钱?", "费用由企业承担。"), ("谁付钱?", "表格见附件。")], llm)
    assert [each.grade for each in judged] == [1.0, 0.0]
    assert all("只回答一个字" in prompt for prompt in llm.asked)


def test_an_example_stands_for_all_its_passages_each_once() -> None:
    fee, form, cat = (Passage(f"The {word}.", node_id=word) for word in ("fee", "form", "cat"))
    example = RerankExample("q1", "Who pays?", (fee,), (form,), candidates=(form, cat))
    judged, _ = judge_pairs([example], FunctionLLM(_answer), retries=0)
    assert [(each.query_id, each.node_id, each.grade) for each in judged] == [
        ("q1", "fee", 1.0),
        ("q1", "form", 0.0),
        ("q1", "cat", None),
    ]


def test_the_same_pair_is_asked_about_once_and_remembered(tmp_path: Path) -> None:
    llm = FunctionLLM(_answer)
    judged, _ = judge_pairs([PAIRS[0], PAIRS[0]], llm, journal=tmp_path / "j")
    again, report = judge_pairs(PAIRS[:2], llm, journal=tmp_path / "j")
    assert [each.grade for each in judged + again] == [1.0, 1.0, 1.0, 0.0]
    assert (len(llm.asked), report.usage.remembered) == (2, 1)
    with pytest.raises(DataError, match="scale was 'yes/no' and is 'graded'"):
        judge_pairs(PAIRS, llm, "graded", journal=tmp_path / "j")


def test_a_cap_leaves_the_rest_unknown_and_counted() -> None:
    judged, report = judge_pairs(PAIRS[:2] * 2 + PAIRS[3:], FunctionLLM(_answer), max_calls=1, concurrency=1)
    assert [each.verdict for each in judged] == ["relevant", "unknown", "relevant", "unknown", "unknown"]
    assert (report.unknown, report.unasked) == (3, 3)


def test_the_llm_judge_is_a_judge() -> None:
    judge: Judge = LLMJudge(FunctionLLM(_answer), retries=0)
    assert judge(PAIRS) == [1.0, 0.0, None, 1.0]
    assert judge.name == "function"
    assert judge([]) == []


def test_what_is_no_pair_is_refused() -> None:
    with pytest.raises(DataError, match="pair 1: str is no pair"):
        judge_pairs([PAIRS[0], "text"], FunctionLLM(_answer))  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="scale must be"):
        judge_pairs(PAIRS, FunctionLLM(_answer), "stars")  # type: ignore[arg-type]
