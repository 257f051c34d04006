"""How one passage is like another."""

from __future__ import annotations

import pytest

from llama_index_rerank_tuner.dataset.likeness.same_passage import likeness

FEE = "The fee for a fishing permit in the northern lakes is forty crowns a year, to be paid at the harbour office."


@pytest.mark.parametrize(
    ("passage", "kind"),
    [
        (FEE.upper(), "equal"),
        (f"{FEE} Children pay nothing.", "part"),
        ("About permits\n" + FEE, "equal"),
        (FEE.replace("forty crowns", "50 crowns"), "alike"),
        ("northern lakes", None),
        ("Nets are forbidden on all lakes between May and August, and by night.", None),
    ],
)
def test_the_kind_of_likeness(passage: str, kind: str | None) -> None:
    found = likeness("What is the fee?", passage, FEE)
    assert (found and found.kind) == kind


def test_the_bar_for_likeness_can_be_raised() -> None:
    other = FEE.replace("forty crowns", "50 crowns")
    assert likeness("What is the fee?", other, FEE, near=0.95) is None


def test_a_passage_that_lacks_what_is_asked_is_not_like_the_positive() -> None:
    assert likeness("What does fishing cost?", FEE.replace("fishing", "boating"), FEE) is None
