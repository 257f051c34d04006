"""Candidates that say what a positive says."""

from __future__ import annotations

import pytest

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.mining.guards import KEEP, Decision, NearDuplicatesGuard
from llama_index_rerank_tuner.records import Passage, RerankExample

FEE = "The fee for a fishing permit in the northern lakes is forty crowns a year, to be paid at the harbour office."
LONG = f"{FEE} Permits are sold from March until the end of October by the wardens of every lake in the district."


def _decision(query: str, positive: str, candidate: str, guard: NearDuplicatesGuard | None = None) -> Decision:
    example = RerankExample("q", query, (Passage("Dogs must be kept on a lead."), Passage(positive)))
    return (guard or NearDuplicatesGuard()).decide(example, [Passage(candidate)])[0]


@pytest.mark.parametrize(
    ("query", "positive", "candidate", "reason"),
    [
        ("What is the fee?", LONG, LONG.replace("wardens", "keepers"), "near-duplicate of a positive"),
        ("What is the fee?", FEE, f"{FEE} Children pay nothing.", "contains a positive or is part of one"),
        ("What is the fee?", LONG, FEE, "contains a positive or is part of one"),
        ("How long are permits sold?", LONG, LONG.replace("March", "1 March"), "resembles a positive"),
        (
            "土地经营权可以抵押吗？",
            "招标、拍卖、公开协商等方式承包农村土地，经依法登记取得权属证书的，可以依法采取抵押方式流转。",
            "第五十三条 招标、拍卖、公开协商等方式承包农村土地，经依法登记取得权属证书的，可以依法采取抵押方式流转。",
            "contains a positive or is part of one",
        ),
    ],
)
def test_what_says_the_same_is_dropped(query: str, positive: str, candidate: str, reason: str) -> None:
    assert _decision(query, positive, candidate) == Decision("drop", reason)


@pytest.mark.parametrize(
    ("query", "positive", "candidate"),
    [
        ("What does a fishing permit cost?", FEE, FEE.replace("fishing", "boating")),
        ("What is the fee?", FEE, "fishing permit in the northern lakes"),
        ("What is the fee?", FEE, "Nets are forbidden on all lakes between May and August, and by night."),
        (
            "委托开发合同的受托方违约，怎么赔偿？",
            "委托开发合同的当事人违反约定的，应当承担违约责任。",
            "合作开发合同的当事人违反约定的，应当承担违约责任。",
        ),
    ],
)
def test_another_case_a_heading_and_another_text_are_kept(query: str, positive: str, candidate: str) -> None:
    assert _decision(query, positive, candidate) == KEEP


def test_what_only_resembles_may_be_flagged_or_kept() -> None:
    asked = ("How long are permits sold?", LONG, LONG.replace("March", "1 March"))
    assert _decision(*asked, NearDuplicatesGuard(resembling="flag")) == Decision("flag", "resembles a positive")
    assert _decision(*asked, NearDuplicatesGuard(resembling="keep")) == KEEP
    assert _decision(*asked, NearDuplicatesGuard(near=1)) == KEEP


def test_each_candidate_has_its_decision() -> None:
    example = RerankExample("q", "What is the fee?", (Passage(FEE),))
    candidates = [Passage("Nets are forbidden."), Passage(FEE), Passage("")]
    assert [each.outcome for each in NearDuplicatesGuard().decide(example, candidates)] == ["keep", "drop", "keep"]


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"near must be from 0.5 to 1, got 0.3"):
        NearDuplicatesGuard(near=0.3)
    with pytest.raises(ConfigError, match="resembling must be keep, drop or flag, got 'forget'"):
        NearDuplicatesGuard(resembling="forget")  # type: ignore[arg-type]
