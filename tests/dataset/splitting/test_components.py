"""Components: which groups are joined, through what chains, and what does not join them."""

from __future__ import annotations

import pytest

from llama_index_rerank_tuner.dataset.splitting import shared_answers
from llama_index_rerank_tuner.dataset.splitting.components import Components, join_groups
from llama_index_rerank_tuner.records import Passage, RerankExample

FEE = "Stall holders on the fish market pay 40 crowns a year, due on the first of March."
LAW = "企业应当自年度终了之日起五个月内，向税务机关报送年度企业所得税纳税申报表，并汇算清缴，结清应缴应退税款。"


def _joined(*rows: tuple[str, str, str | list[str]]) -> Components:
    """Join the groups of (group, query, answer or answers)."""
    examples = [
        RerankExample(f"q{place}", query, tuple(map(Passage, [answer] if isinstance(answer, str) else answer)))
        for place, (_, query, answer) in enumerate(rows)
    ]
    return join_groups(examples, [row[0] for row in rows])


def test_groups_join_over_a_near_query_with_a_near_answer() -> None:
    components = _joined(
        ("a", "What is the market fee?", FEE),
        ("b", "what's the market fee", FEE.replace("on the fish market", "at the fish market")),
        ("c", "What is the harbour fee?", FEE),
        ("a", "Who pays?", "Everyone."),
    )
    assert components.members == (("a", "b"), ("c",))
    assert components.sizes == (3, 1)
    assert [(join.groups, join.query_ids) for join in components.joins] == [(("a", "b"), ("q0", "q1"))]
    assert components.near


def test_chinese_groups_join_too() -> None:
    components = _joined(
        ("甲", "企业所得税何时汇算清缴？", LAW),
        ("乙", "请问企业所得税何时汇算清缴", LAW.replace("应当", "须")),
        ("丙", "个人所得税何时汇算清缴？", LAW),
    )
    assert {frozenset(each) for each in components.members} == {frozenset("甲乙"), frozenset("丙")}


def test_the_same_question_with_another_answer_does_not_join() -> None:
    assert _joined(("a", "What are the results?", FEE), ("b", "What are the results?", LAW)).members == (("a",), ("b",))


def test_another_question_with_the_same_answer_does_not_join() -> None:
    assert _joined(("a", "What is the fee?", FEE), ("b", "When is it due?", FEE)).members == (("a",), ("b",))


def test_one_answer_of_several_is_enough() -> None:
    assert _joined(("a", "What is the fee?", ["x", FEE]), ("b", "What is the fee?", [FEE, "y"])).members == (
        ("a", "b"),
    )


def test_joining_is_passed_on() -> None:
    rows = [
        (group, "What is the fee?", answers)
        for group, answers in zip("abcd", [["1"], ["1", "2"], ["2", "3"], ["3"]], strict=True)
    ]
    assert _joined(*rows, ("e", "What is the fee?", ["4"])).members == (("a", "b", "c", "d"), ("e",))


def test_questions_without_an_answer_join_nothing() -> None:
    assert _joined(("a", "What is the fee?", []), ("b", "What is the fee?", [])).members == (("a",), ("b",))


def test_too_many_texts_are_compared_for_equality_only(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("a", "What is the fee?", FEE), ("b", "what is the fee", FEE), ("c", "What are the fees?", FEE)]
    assert _joined(*rows).members == (("a", "b", "c"),)
    monkeypatch.setattr(shared_answers, "MOST_COMPARED", 1)
    components = _joined(*rows)
    assert components.members == (("a", "b"), ("c",))
    assert not components.near


def test_a_generic_question_of_a_thousand_documents_is_quick() -> None:
    rows = [(f"d{i}", "What are the results?", FEE if i % 2 else f"Number {i}.") for i in range(1000)]
    assert sorted(_joined(*rows).sizes)[-2:] == [1, 500]
