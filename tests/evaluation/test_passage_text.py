"""Whether a node holds a passage that is known by its text only."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.evaluation.passage_text import holds_passage, share_a_run


@pytest.mark.parametrize(
    ("node", "passage"),
    [
        ("The fee is\n  40 crowns.", " The fee is 40 crowns. "),
        ("年费为\n40元。", "年费为40元。"),
        ("The fee is 40 crowns.", "the FEE is 40 crowns"),
        ("Chapter 2. The fee is 40 crowns. It is paid in May.", "The fee is 40 crowns."),
        ("is forty crowns and is paid in May each year.", "The fee of a stall is forty crowns and is paid in May."),
    ],
    ids=[
        "white space",
        "line break in Chinese",
        "case and punctuation",
        "node holds it whole",
        "node holds most of it",
    ],
)
def test_a_node_that_holds_the_passage_is_found(node: str, passage: str) -> None:
    assert holds_passage(node, passage)


@pytest.mark.parametrize(
    ("node", "passage"),
    [
        ("The fee is 50 crowns.", "The fee is 40 crowns."),
        ("concatenate", "cat"),
        ("Fee.", "The fee is 40 crowns and is paid in May."),
        (
            "The stall is yours. It is paid in May at the office of the city. Dogs are not allowed on the market, nor "
            "are cats, nor is any other animal that is not for sale there.",
            "The fee is forty crowns. It is paid in May at the office of the city. Whoever pays late pays ten crowns "
            "more for every month that has begun since the end of May.",
        ),
        ("费用为五十元。", "费用为四十元。"),
    ],
    ids=["one word differs", "part of a word", "too little of it", "overlap at the edge", "one character differs"],
)
def test_a_node_that_does_not_hold_the_passage_is_not_found(node: str, passage: str) -> None:
    assert not holds_passage(node, passage)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=30).filter(lambda text: any(map(str.isalnum, text))), st.text(max_size=30))
def test_every_text_holds_itself(text: str, other: str) -> None:
    assert holds_passage(text, text)
    assert holds_passage(f"{other}\n{text}", text)
    assert not holds_passage("", text)


_WORDS = st.lists(st.sampled_from("abc"), min_size=1, max_size=40).map(tuple)


@settings(deadline=None)
@given(_WORDS, _WORDS)
def test_the_longest_shared_run_decides(node: tuple[str, ...], passage: tuple[str, ...]) -> None:
    shared = SequenceMatcher(None, node, passage, autojunk=False).find_longest_match().size
    enough = shared >= 8 and 2 * shared >= min(len(node), len(passage))
    assert share_a_run(node, passage) == (enough or shared == len(passage))


@pytest.mark.parametrize(("length", "same"), [(16, True), (17, False)])
def test_half_of_the_shorter_text_is_enough_and_less_is_not(length: int, same: bool) -> None:
    shared, other = [f"w{i}" for i in range(8)], [f"x{i}" for i in range(30)]
    assert share_a_run([*shared, *other[: length - 8]], [*shared, *(f"y{i}" for i in range(30))]) == same


def test_seven_words_are_not_enough_unless_they_are_the_whole_passage() -> None:
    shared = [f"w{i}" for i in range(7)]
    assert not share_a_run(["a", *shared], ["b", *shared])
    assert share_a_run(["a", *shared], shared)
