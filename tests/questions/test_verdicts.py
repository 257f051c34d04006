"""Reading judgements: every way of saying yes and no counts, and doubt is never a verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.questions.verdicts import read_grade

YES = [
    "yes", "Yes.", "YES!", " yes\n", "yes, because it names the fee", "Yes - it does", "Yes: line 2", "**Yes**",
    "'Yes'", "Answer: yes", "The answer is yes.", "<think>no idea. No.</think>Yes", '{"relevant": true}',
    "relevant", "Relevant.", "True", "It names the fee and the date.\nAnswer: yes", "是", "是的", "是。",
    "是,段落给出了费用", "相关", "相关。", "答案:是", "判断：相关", "ｙｅｓ", "Yeah", "对", "能",
    '{"answer": "yes"}', "No, wait.</think>Yes", '```json\n{"relevant": true}\n```', "The passage is relevant.",
    "Highly relevant", "The passage answers the question.", "能帮助回答", "该段落与问题相关", "高度相关", "对的",
    "有帮助",
]  # fmt: skip
NO = [
    "no", "No.", "NO", "no, it is about fees", "No - other subject", "not relevant", "Irrelevant.", "false",
    "Answer: No", "The answer is no", '{"relevant": false}', "It only names the subject.\nVerdict: no", "否",
    "否。", "不是", "不相关", "不相关。", "无关", "不", "不能", "没有", "回答:否", "结论：不相关", "Nope",
    "Yes? No, only the subject.</think>\nNo", "Relevant? No", "Relevant - no", "The passage is not relevant",
    "The passage does not answer the question.", "Not directly relevant", "该段落与问题不相关", "段落不能回答这个问题",
    "不太相关", "没有帮助", "The subject is the same, so the relevance is low.\nThe answer is no.",
]  # fmt: skip
UNKNOWN = [
    "", "Maybe", "Well...", "I cannot say", "yes or no", "Yes and no", "yes/no", "No idea",
    "No doubt it is relevant", "Not sure", "unknown", "Nobody knows", "Yesterday the fee rose",
    "Note that it is long", "是否相关无法判断", "是否", "不确定", "不清楚", "无法判断", "相关性一般",
    "是不是相关", "1", "The passage is about fees.", "不好说",
    "不能确定", "没有足够的信息判断", "没有疑问", "<think>yes, yes", "The passage is relevant to fees, but not to this",
    "该段落与问题相关,但没有答案", "部分相关", "I cannot tell",
]  # fmt: skip


@pytest.mark.parametrize(("answers", "grade"), [(YES, 1.0), (NO, 0.0), (UNKNOWN, None)])
def test_yes_and_no(answers: list[str], grade: float | None) -> None:
    assert {answer: read_grade(answer, "yes/no") for answer in answers} == dict.fromkeys(answers, grade)


@pytest.mark.parametrize(
    ("answers", "grade"),
    [
        (["0", "0.", "Grade: 0", "0分"], 0.0),
        (["2", " 2\n", "2.", "2.0", "**2**", "Grade: 2", "2 - highly relevant", "2/3", "2 out of 3", "等级：2",
          "２", "评分:2分", '{"grade": 2}', "The score is 2",
          "It answers in part.\nGrade: 2", "2, for 3 reasons", "相关性：2", "0 or 1?</think>2", "Rating: 2/3"], 2.0),
        (["", "4", "-1", "2 or 3", "2-3", "2到3", "2.5", "two", "12", "2/10", "Between 1 and 3"], None),
    ],
)  # fmt: skip
def test_grades(answers: list[str], grade: float | None) -> None:
    assert {answer: read_grade(answer, "graded") for answer in answers} == dict.fromkeys(answers, grade)


@given(st.text())
def test_any_answer_gives_a_grade_of_the_scale_or_none(answer: str) -> None:
    assert read_grade(answer, "yes/no") in (None, 0.0, 1.0)
    assert read_grade(answer, "graded") in (None, 0.0, 1.0, 2.0, 3.0)
