"""When two queries ask the same: what may differ, and what changes the question."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.dataset.likeness.same_question import misspelling_keys, same_question, wording_of

SAME = [
    ("What is the fee?", "what's the FEE"),
    ("What are the fees for the form?", "What is the fee for this form"),
    ("Which datasets did they use?", "What dataset do they use?"),
    ("How is pre-training done?", "How is pretraining done"),
    ("Who can't apply?", "Who cannot apply?"),
    ("When is the deadline for companies?", "when is the dealine for companies"),
    ("Is the permit neccessary?", "is the permit necessary"),
    ("Who pays the market tax?", "who pays the mraket tax"),
    ("个人独资企业如何注销？", "请问个人独资企业如何注销呢?"),
    ("Ｒ＆Ｄ费用怎么申报", "R&D 费用怎么申报？"),
]

DIFFERENT = [
    ("What is the fee for form A?", "What is the fee for form B?"),
    ("What is the rate for 2023?", "What is the rate for 2024?"),
    ("Is form 1-12 needed?", "Is form 11-2 needed?"),
    ("Who may apply?", "Who may not apply?"),
    ("Can I not apply?", "Can't I apply now?"),
    ("What must the employer pay?", "What must the employee pay?"),
    ("Who pays the fee?", "When is the fee paid?"),
    ("Does wind cause waves?", "Do waves cause wind?"),
    ("What data was used for training?", "What data was used for testing?"),
    ("Is it legal here?", "Is it illegal here?"),
    ("个人可以申请吗", "个人不可以申请吗"),
    ("第一季度的税款何时缴纳", "第二季度的税款何时缴纳"),
    ("租赁合同一般包括哪些内容？", "融资租赁合同一般包括哪些内容？"),
    ("企业所得税如何申报", "个人所得税如何申报"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_same_question_in_other_dress(first: str, second: str) -> None:
    assert same_question(first, second)
    assert same_question(second, first)


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_another_question_in_like_words(first: str, second: str) -> None:
    assert not same_question(first, second)
    assert not same_question(second, first)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_the_rule_holds_for_any_text_and_both_ways(first: str, second: str) -> None:
    assert same_question(first, first)
    assert same_question(first, second) == same_question(second, first)


@settings(deadline=None)
@given(st.from_regex(r"[a-z]{5,8}", fullmatch=True), st.integers(1, 6), st.sampled_from("xyz"), st.booleans())
def test_misspelt_words_share_a_key(word: str, place: int, letter: str, added: bool) -> None:
    misspelt = word[:place] + letter + word[place + (not added) :]
    first, second = wording_of(f"pay {word} now"), wording_of(f"pay {misspelt} now")
    if same_question(first.form, second.form) and first.joined != second.joined:
        assert not set(misspelling_keys(first)).isdisjoint(misspelling_keys(second))
