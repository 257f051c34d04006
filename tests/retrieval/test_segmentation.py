"""Cutting text into terms."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llama_index_rerank_tuner.retrieval.segmentation import segment


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (" \n\t\u3000", []),
        ("?!… — «»，。；：", []),
        ("Hello, World!", ["hello", "world"]),
        ("Hello hello HELLO", ["hello", "hello", "hello"]),
        ("snake_case __init__", ["snake", "case", "init"]),
        ("COVID-19 costs 3.50", ["covid", "19", "costs", "3", "50"]),
        ("don't", ["don", "t"]),
        ("Straße, Café, naïve", ["straße", "café", "naïve"]),
        ("Налог и сбор", ["налог", "и", "сбор"]),
    ],
)
def test_words_are_lower_case_in_order_and_without_punctuation(text: str, terms: list[str]) -> None:
    assert segment(text) == terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("我来到北京清华大学", ["我", "来到", "北京", "清华大学"]),
        ("如何申报R&D费用", ["如何", "申报", "r", "d", "费用"]),
        ("使用GPT4模型，2024年", ["使用", "gpt4", "模型", "2024", "年"]),
        ("税。费", ["税", "费"]),
        ("龍", ["龍"]),
    ],
)
def test_chinese_runs_are_cut_by_jieba_and_mixed_text_keeps_its_words(text: str, terms: list[str]) -> None:
    assert segment(text) == terms


def test_english_words_next_to_chinese_are_never_glued_to_it() -> None:
    assert segment("申报VAT申报") == ["申报", "vat", "申报"]


def test_a_rare_chinese_character_outside_the_basic_block_is_kept() -> None:
    assert "".join(segment("㐀豈")) == "㐀豈"


@given(st.text(max_size=60))
@example("\ufada")  # a place in a block of Chinese characters that none was given
def test_no_letter_or_digit_is_lost_added_or_moved(text: str) -> None:
    assert "".join(segment(text)) == "".join(re.findall(r"[^\W_]", text.lower()))


@given(st.text(alphabet="aZ9 -_费用税申报，。", max_size=40))
def test_no_term_is_empty_or_holds_white_space(text: str) -> None:
    assert all(term and not re.search(r"[\s_\-，。]", term) for term in segment(text))


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=40))
def test_capital_letters_make_no_difference(text: str) -> None:
    assert segment(text) == segment(text.upper()) == segment(text.lower())
