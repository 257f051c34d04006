"""Near duplicates: normal forms, exact similarities, nothing missed, nothing invented."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.dataset.likeness.near_duplicates import (
    near_duplicate_pairs,
    near_queries,
    normalised,
    similarity,
)
from llama_index_rerank_tuner.errors import ConfigError


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("What is the fee?", "  what   is the FEE "),
        ("Ｆｏｒｍ　ＡＰ－２", "form ap-2"),
        ("the author’s ﬁgures", "the author's figures"),
        ("如何申报，R&D 费用？", "如何申报r&d费用?"),
        ("企业 所得税", "企业所得税"),
        ("Straße", "STRASSE"),
        ("soft\u00adware\u200b", "software"),
        ("cafe\u0301", "café"),
    ],
)
def test_case_width_punctuation_and_space_do_not_count(first: str, second: str) -> None:
    assert normalised(first) == normalised(second)
    assert similarity(first, second) == 1.0


@pytest.mark.parametrize(
    ("first", "second"),
    [("C++", "C#"), ("C", "C#"), ("5 %", "5"), ("x > 0", "x < 0"), ("?", "!"), ("कि", "की"), ("12", "1 2")],
)
def test_what_carries_meaning_counts(first: str, second: str) -> None:
    assert normalised(first) != normalised(second)


def test_similarity_is_the_share_of_common_shingles() -> None:
    # Nine shingles each, one for every character; the first four end before the last character does, the others differ.
    assert similarity("abcdefghi", "abcdefghj") == pytest.approx(4 / 14)
    assert similarity("一二三四五六", "一二三四五七") == pytest.approx(3 / 9)
    assert similarity("", "") == 1.0
    assert similarity("abc", "xyz") == 0.0


def test_pairs_come_sorted_with_every_repeat() -> None:
    law = "企业应当自年度终了之日起五个月内，向税务机关报送年度企业所得税纳税申报表，并汇算清缴，结清应缴应退税款。"
    texts = [
        "Apply by 1 May.",
        law,
        "apply by 1 may",
        law.replace("，", ","),
        law.replace("应当", "须"),
        "APPLY BY 1 MAY!",
    ]
    pairs = near_duplicate_pairs(texts)
    assert [(p.first, p.second) for p in pairs] == [(0, 2), (0, 5), (1, 3), (1, 4), (2, 5), (3, 4)]
    assert [p.similarity == 1.0 for p in pairs] == [True, True, True, False, True, False]
    assert pairs[3].similarity == similarity(texts[1], texts[4])


def _corpus(count: int, seed: int) -> list[str]:
    """Random passages, each third one an edited copy of the one before it."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(3, 9))) for _ in range(400)]
    texts: list[str] = []
    for place in range(count):
        if place % 3 == 2:
            texts.append(" ".join(w for w in texts[-1].split() if rng.random() > 0.06))
        else:
            texts.append(" ".join(rng.choices(words, k=40)))
    return texts


@pytest.mark.parametrize("threshold", [0.6, 0.8])
def test_hashing_finds_what_counting_finds(threshold: float) -> None:
    texts = _corpus(600, seed=3)
    by_counting = {
        (start + pair.first, start + pair.second)
        for start in range(0, 600, 30)
        for pair in near_duplicate_pairs(texts[start : start + 30], threshold)
    }
    assert len(by_counting) > 40
    assert {pair[:2] for pair in near_duplicate_pairs(texts, threshold)} == by_counting


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=12) | st.text("ab 一二", max_size=12), max_size=8), st.floats(0.3, 1.0))
def test_any_text_is_compared_exactly(texts: list[str], threshold: float) -> None:
    expected = [
        (i, j)
        for i, j in combinations(range(len(texts)), 2)
        if normalised(texts[i]) == normalised(texts[j]) or similarity(texts[i], texts[j]) >= threshold
    ]
    assert [(p.first, p.second) for p in near_duplicate_pairs(texts, threshold)] == expected
    for pair in near_duplicate_pairs(texts, threshold):
        assert pair.similarity == similarity(texts[pair.first], texts[pair.second])


@given(st.text())
def test_a_normal_form_is_its_own(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.1, float("nan")])
def test_a_threshold_is_a_share(threshold: float) -> None:
    with pytest.raises(ConfigError, match="threshold must be over 0 and at most 1"):
        near_duplicate_pairs(["a"], threshold)


def test_near_queries_are_those_that_ask_the_same() -> None:
    queries = [
        "What is the fee for form A?",
        "What is the fee for form B?",
        "what are the fees for form B",
        "2024年企业所得税如何申报？",
        "2023年企业所得税如何申报？",
        "请问2024年企业所得税如何申报",
        "Who may apply for a refund?",
        "Who may apply for a refnud?",
    ]
    assert [(p.first, p.second) for p in near_queries(queries)] == [(1, 2), (3, 5), (6, 7)]


def test_long_queries_may_differ_in_a_word_but_not_in_a_number() -> None:
    query = (
        "Which supporting papers must a small fishing company from the outer islands hand in together with form 12 "
        "before the harbour office decides on its request for a reduced mooring fee?"
    )
    other_word = query.replace("decides", "rules")
    other_form = query.replace("form 12", "form 14")
    assert [p[:2] for p in near_queries([query, other_word, other_form])] == [(0, 1)]


def test_a_large_cluster_of_boilerplate_stays_connected_without_every_pair() -> None:
    clauses = [f"This clause stands in every contract of the city and names the lot {n}." for n in range(2_000)]
    others = [f"{n} {'different words ' * 3}{n * 7919 % 10_007} about nothing {n * 31}" for n in range(10)]
    pairs = near_duplicate_pairs(clauses + others, 0.7)
    assert len(pairs) < 25 * len(clauses)
    assert {pair.second for pair in pairs if pair.second < 2_000} == set(range(1, 2_000))
