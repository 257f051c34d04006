"""Likely false negatives: each rule on texts that it must find and on texts that it must leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.audit.false_negatives import RULES
from llama_index_rerank_tuner.dataset.likeness.wording import asks_the_same

FEE = "The fee for a fishing permit in the northern lakes is forty crowns a year, to be paid at the harbour office."


def rules(query: str, positive: str, negative: str, *others: dict[str, Any]) -> list[str]:
    records = [{"query": query, "pos": [positive], "neg": [negative], "group": "a"}, *others]
    return [each.kind for each in RerankDataset.from_records(records).audit().findings if each.kind in RULES]


def test_one_word_of_a_long_passage_changed_is_the_same_passage() -> None:
    long = f"{FEE} Permits are sold from March until the end of October by the wardens of every lake in the district."
    assert rules("What is the fee?", long, long.replace("wardens", "keepers")) == ["negative equals a positive"]


def test_another_number_makes_it_another_passage() -> None:
    long = f"{FEE} It covers 12 lakes, and is sold from March until the end of October by the wardens of every lake."
    assert rules("How many lakes?", long, long.replace("12", "14")) == ["negative resembles a positive"]


def test_a_passage_that_lacks_what_is_asked_is_an_honest_negative() -> None:
    assert rules("What does a fishing permit cost?", FEE, FEE.replace("fishing", "boating")) == []
    positive, negative = (
        "委托开发合同的当事人违反约定的，应当承担违约责任。",
        "合作开发合同的当事人违反约定的，应当承担违约责任。",
    )
    assert rules("委托开发合同的受托方违约，怎么赔偿？", positive, negative) == []


def test_a_longer_or_shorter_cut_of_the_positive_is_found() -> None:
    longer = f"{FEE} Children under twelve pay nothing."
    assert rules("What is the fee?", FEE, longer) == ["negative contains a positive"]
    assert rules("What is the fee?", longer, FEE) == ["negative contains a positive"]


def test_one_text_under_two_titles_is_found() -> None:
    rule = (
        "通过招标、拍卖、公开协商等方式承包农村土地，经依法登记取得权属证书的，可以依法采取出租、入股、抵押等方式流转。"
    )
    positive, negative = f"民法典第三百四十二条\n{rule}", f"农村土地承包法第五十三条\n{rule}"
    assert rules("土地经营权可以抵押吗？", positive, negative) == ["negative contains a positive"]


def test_a_heading_is_no_answer_and_another_text_is_no_suspect() -> None:
    assert rules("What is the fee?", FEE, "fishing permit in the northern lakes") == []
    assert rules("What is the fee?", FEE, "Dogs must be kept on a lead between March and July.") == []


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("What datasets did they use?", "What dataset did they use?"),
        ("外地企业申请研发补贴需要什么材料？", "请问外地企业申请研发补贴需要什么材料呢？"),
    ],
)
def test_the_answer_to_a_near_identical_question_is_found(asked: str, near: str) -> None:
    other = {"query": near, "pos": ["Sixteen corpora of reviews."], "group": "b"}
    expected = ["negative answers a near-identical question"]
    assert rules(asked, "One corpus of letters.", "Sixteen corpora of reviews.", other) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("出租人的义务包括哪些？", "承租人的义务包括哪些？"),
        ("What is the fee for the red permit?", "What is the fee for the blue permit?"),
        ("What changed in 2019 for firms?", "What changed in 2018 for firms?"),
    ],
)
def test_a_question_about_another_thing_is_not_the_same(first: str, second: str) -> None:
    assert not asks_the_same(first, second)
    other = {"query": second, "pos": ["The other thing."], "group": "b"}
    assert rules(first, "The thing itself.", "The other thing.", other) == []


def test_a_finding_names_the_negative_and_what_gives_it_away() -> None:
    records = [
        {
            "query_id": "1",
            "query": "Fee?",
            "pos": [FEE],
            "pos_ids": ["p"],
            "neg": [f"{FEE} So it is."],
            "neg_ids": ["n"],
        }
    ]
    found = RerankDataset.from_records(records).audit().finding("negative contains a positive")
    assert found is not None
    (link,) = found.records
    assert (found.severity, link.query_id, link.passage_id) == ("should look", "1", "n")
    assert link.other is not None
    assert link.other.endswith("similar to positive 'p'")


def test_the_same_text_is_a_contradiction_and_not_a_suspect() -> None:
    assert rules("What is the fee?", FEE, FEE.upper()) == []
