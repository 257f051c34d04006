"""Reading questions: what an LLM says around its list is never a question."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.questions.parsing import parse_questions
from llama_index_rerank_tuner.questions.question_text import speaks_of_passage

WANTED = ["Who may apply?", "When is it due?"]
LIST = '["Who may apply?", "When is it due?"]'


@pytest.mark.parametrize(
    "answer",
    [
        LIST,
        f"Here are two questions:\n{LIST}",
        f"Sure [2 questions]: {LIST} Tell me if you need [more].",
        f"```json\n{LIST}\n```",
        f'<think>A list like ["Is this one?"] it is.</think>\n{LIST}',
        f'{{"questions": {LIST}}}',
        f'{{"count": 2, "questions": {LIST}}}',
        '[{"question": "Who may apply?"}, {"question": "When is it due?"}]',
        '["1. Who may apply?", "2) When is it due?"]',
        '["Q1: Who may apply?", "Question 2: When is it due?"]',
        '["- Who may apply?", "\\"When is it due?\\""]',
        '["Here are your questions:", "Who may apply?", "When is it due?"]',
        f'The fee table ["fees"] is asked about.\n{LIST}',
        "1. Who may apply?\n2. When is it due?",
        "Here are two questions:\n\n1) Who may apply?\n  2) When is it due?\n\nShall I go on?",
        "- Who may apply?\n- When is it due?",
        '[\n  "Who may   apply?",\n  "When is it due?"\n]',
        '["...", "..."] is the form, so: ' + LIST,
    ],
)
def test_the_questions_come_out_alone(answer: str) -> None:
    assert parse_questions(answer) == WANTED


def test_chinese_lists() -> None:
    assert parse_questions('好的:\n["1、谁可以申请?", "问题2:什么时候截止?"]') == ["谁可以申请?", "什么时候截止?"]
    assert parse_questions("1、谁可以申请？\n2、什么时候截止？") == ["谁可以申请？", "什么时候截止？"]


@pytest.mark.parametrize(
    "answer",
    [
        '["Who may apply?", "When is it due?",]',
        "['Who may apply?', 'When is it due?']",
        "[“Who may apply?”，“When is it due?”]",
        '["1.Who may apply?", "2.When is it due?"]',
        '["①Who may apply?", "（2）When is it due?"]',
        '["一、Who may apply?", "第2个问题：When is it due?"]',
        '{"question1": "Who may apply?", "question2": "When is it due?"}',
        '{"1": "Who may apply?", "2": "When is it due?"}',
        f'{{"questions": {LIST}, "answers": ["Firms.", "In May."]}}',
        '[{"问题": "Who may apply?", "答案": "Firms."}, {"q": "When is it due?"}]',
        '["Who may apply?"]\n["When is it due?"]',
        '{"question": "Who may apply?"}\n{"question": "When is it due?"}',
        f'Let me see: ["Is it this?", "Or this?", "That?"]\n</think>\n{LIST}',
        "Question 1: Who may apply?\nQ2. When is it due?",
        "1. 「Who may apply?」\n2. 「When is it due?」",
        "**1. Who may apply?**\n**2. When is it due?**",
        '["Who may apply?", "When is it due?", "That is all I can ask.", "None"]',
    ],
)
def test_the_slips_of_small_and_of_reasoning_models_are_read(answer: str) -> None:
    assert parse_questions(answer) == WANTED


def test_quotes_within_a_question_stay() -> None:
    assert parse_questions('["什么是"高新技术企业"？", "谁可以申请？"]') == ['什么是"高新技术企业"？', "谁可以申请？"]
    assert parse_questions('["“高新技术企业”认定条件是什么？"]') == ["“高新技术企业”认定条件是什么？"]
    assert parse_questions(json.dumps(['"Small firm" means what?'])) == ['"Small firm" means what?']


@pytest.mark.parametrize("answer", ["[]", "```json\n[]\n```", '{"questions": []}', "Nothing to ask: []"])
def test_an_empty_list_is_an_answer(answer: str) -> None:
    assert parse_questions(answer) == []


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I cannot help with that.",
        "Who may apply? When is it due?",
        '["Who may apply?", "When is',
        "[1, 2]",
        '["", "  ", "?!"]',
        '["Here are your questions:"]',
        "[" * 5000,
        json.dumps(["x" * 500]),
        '{"error": "overloaded"}',
        '["None"]',
        '["Sorry, I cannot make questions of this"]',
        '["There is nothing to ask."]',
        '["该段落没有值得提问的内容。"]',
        '["Question 1", "Question 2"]',
        '<think>perhaps ["Who may apply?"] or',
        '["Is it the "A", "B" or "C" form?"]',
    ],
)
def test_garbage_is_no_answer(answer: str) -> None:
    assert parse_questions(answer) is None


@pytest.mark.parametrize(
    "question",
    [
        "3.5 mm screws: who sells them?",
        "1.2 billion people live where?",
        "1:1 ratios are allowed?",
        "5、6月可以申报吗？",
        "一、二季度怎么申报？",
        "Q-learning: how does it work?",
        "Question-answering systems use what?",
        "第三方可以申报吗？",
        "who may apply",
    ],
)
def test_a_number_that_begins_a_question_stays(question: str) -> None:
    assert parse_questions(json.dumps([question])) == [question]


@given(st.text())
def test_any_answer_gives_questions_or_none(answer: str) -> None:
    questions = parse_questions(answer)
    assert questions is None or all(question == question.strip() and question for question in questions)


@given(
    st.lists(
        st.text(alphabet="abc déf是否", min_size=6).map(lambda text: "ask " + " ".join(text.split()) + "?"), min_size=1
    ),
    st.sampled_from(["", "Here you are:\n", "```json\n", "Sure! "]),
    st.sampled_from(["", "\n```", "\nLet me know."]),
)
def test_every_list_of_questions_comes_back(questions: list[str], before: str, after: str) -> None:
    assert parse_questions(before + json.dumps(questions) + after) == questions


def test_questions_that_speak_of_the_passage_are_known() -> None:
    told = [
        "What does the passage say?",
        "According to the text, who pays?",
        "Which fees are mentioned in the document?",
        "What does the author recommend?",
        "本文的作者是谁?",
        "该段落提到了什么?",
        "根据文档,费用是多少?",
    ]
    free = [
        "Which documents do I need?",
        "Is there a passage between the buildings?",
        "Where do I send the document?",
        "申请需要什么材料?",
        "基本文件有哪些?",
        "论文中要附摘要吗?",
        "网上文书怎么送达?",
    ]
    assert [speaks_of_passage(question) for question in told + free] == [True] * 7 + [False] * 7
