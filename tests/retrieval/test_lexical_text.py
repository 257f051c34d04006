"""Words made whole for the lexical side."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.retrieval.bm25 import lexical_terms
from llama_index_rerank_tuner.retrieval.lexical_text import lexical_text


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("", ""),
        ("Ｆｏｒｍ　Ｒ－４，２０２４", "Form R-4,2024"),
        ("of\ufb01ce", "office"),
        ("cafe\u0301", "café"),
        ("\u2f00般", "一般"),
        ("de\u00adduc\u200btion\ufeff", "deduction"),
        ("appor-\ntionment", "apportionment"),
        ("appor-  \r\n   tionment", "apportionment"),
        ("appor\u2010\ntionment", "apportionment"),
        ("研发费\n用", "研发费用"),
        ("研发费 \r\n　用", "研发费用"),
        ("研 发 费 用", "研发费用"),
        ("研　发　费", "研发费"),
    ],
)
def test_what_layout_broke_is_whole_again(dirty: str, clean: str) -> None:
    assert lexical_text(dirty) == clean


@pytest.mark.parametrize(
    "text",
    [
        "tax\nform",
        "R-\n4",
        "2019-\n2020",
        "Jean-\nPaul",
        "a - b",
        "tax -\n form",
        "总则\n\n研发",
        "研发 费用",
        "研 发",
        "甲 研发 乙 费用",
        "税\nform",
        "title: 税\nform: 表",
        "long-term",
    ],
)
def test_what_may_be_meant_stays(text: str) -> None:
    assert lexical_text(text) == text


def test_chinese_broken_anywhere_gives_the_same_terms() -> None:
    text = "研发费用加计扣除"
    assert {tuple(lexical_terms(text[:i] + "\n" + text[i:])) for i in range(1, len(text))} == {
        tuple(lexical_terms(text))
    }


@given(st.text(alphabet="aB-\n\r 　研发，ﬁ\u00ad\u0301", max_size=30))
def test_mending_twice_is_mending_once(text: str) -> None:
    assert lexical_text(lexical_text(text)) == lexical_text(text)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_can_be_mended(text: str) -> None:
    assert isinstance(lexical_terms(text), list)
