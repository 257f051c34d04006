"""Errors in texts: their kinds, their number, and what they leave alone."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.noise import KINDS, LOOK_ALIKES, NoiseKind, augmented, noisy
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved

TEXT = "Any resident may claim the modern refund of form 10 in writing, within 30 days. 未婚的人已经上交了王先生的日期"

WILD = st.text(max_size=40) | st.text("rnmclOo0l1I 己已未末aAß.\n", max_size=40)
KIND = st.sampled_from(KINDS)
RATES = st.floats(0, 1)
SEEDS = st.integers(0, 1_000)


def edits(before: str, after: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(after) + 1))
    for place, old in enumerate(before, 1):
        previous, row[0] = row[0], place
        for column, new in enumerate(after, 1):
            previous, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, previous + (old != new))
    return row[-1]


@given(WILD, KIND, SEEDS)
@settings(deadline=None)
def test_rate_0_changes_nothing(text: str, kind: NoiseKind, seed: int) -> None:
    assert noisy(text, kind, 0.0, seed) == text


@given(WILD, KIND, RATES, SEEDS)
@settings(deadline=None)
def test_the_same_seed_and_text_give_the_same_errors(text: str, kind: NoiseKind, rate: float, seed: int) -> None:
    assert noisy(text, kind, rate, seed) == noisy(text, kind, rate, seed)


@given(WILD, KIND, RATES, SEEDS)
@settings(deadline=None)
def test_a_text_is_never_emptied(text: str, kind: NoiseKind, rate: float, seed: int) -> None:
    assert bool(noisy(text, kind, rate, seed).strip()) == bool(text.strip())


@given(WILD, KIND, RATES, SEEDS)
@settings(deadline=None)
def test_the_errors_are_no_more_than_the_rate(text: str, kind: NoiseKind, rate: float, seed: int) -> None:
    """An error is at most two edits: two characters swapped, ``rn`` for ``m``, a hyphen and a line break."""
    assert edits(text, noisy(text, kind, rate, seed)) <= 2 * math.ceil(rate * len(text))


@pytest.mark.parametrize("kind", KINDS)
def test_the_rate_is_reached_where_the_text_has_the_places(kind: NoiseKind) -> None:
    found = edits(TEXT, noisy(TEXT, kind, 0.1))
    assert 0.09 * len(TEXT) <= found <= 0.22 * len(TEXT)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_differ(kind: NoiseKind) -> None:
    assert len({noisy(TEXT, kind, 0.1, seed) for seed in range(10)}) == 10


def test_a_fraction_of_an_error_is_a_chance() -> None:
    changed = sum(noisy("a resident", "case", 0.03, seed) != "a resident" for seed in range(1_000))
    assert 250 <= changed <= 350


@pytest.mark.parametrize(
    ("kind", "text", "allowed"),
    [
        ("ocr", "m", {"rn"}),
        ("ocr", "rn", {"m"}),
        ("ocr", "0", {"O", "o"}),
        ("ocr", "l", {"1", "I"}),
        ("ocr", "已", {"己", "巳"}),
        ("ocr", "未", {"末"}),
        ("line_break", "ab", {"a\nb", "a-\nb"}),
        ("line_break", "中文", {"中\n文"}),
        ("drop", "ab", {"a", "b"}),
        ("full_width", "A1", {"Ａ１"}),
        ("case", "aB é", {"Ab É"}),
        ("typo", "a", {"aa"} | {f"a{key}" for key in "qwsz"} | set("qwsz")),
    ],
)
def test_each_kind_makes_its_own_errors(kind: NoiseKind, text: str, allowed: set[str]) -> None:
    assert {noisy(text, kind, 1.0, seed) for seed in range(200)} == allowed


def test_slips_of_the_finger_swap_insert_drop_and_hit_the_next_key() -> None:
    made = {noisy("ok", "typo", 0.5, seed) for seed in range(300)}
    assert {"ko", "ook", "o", "k", "pk", "opk"} <= made
    assert "ok" not in made


def test_upper_case_stays_upper_on_the_next_key() -> None:
    made = {noisy("P", "typo", 1.0, seed) for seed in range(100)}
    assert {"O", "L"} <= made
    assert not {"o", "l"} & made


@pytest.mark.parametrize(("kind", "text"), [("ocr", "—"), ("line_break", "a b c"), ("case", "日期 10"), ("drop", "x")])
def test_a_text_without_a_place_for_the_error_stays(kind: NoiseKind, text: str) -> None:
    assert noisy(text, kind, 1.0) == text


def test_line_breaks_fall_inside_words_only() -> None:
    broken = noisy(TEXT, "line_break", 1.0)
    assert not re.search(r"\s\s|\s-?\n|\n-|[\d.,]-?\n|\n[\d.,]", broken)
    assert re.sub("-?\n", "", broken) == TEXT


def test_no_character_stands_in_two_groups_of_look_alikes() -> None:
    pieces = [piece for alike in LOOK_ALIKES for piece in alike]
    assert len(pieces) == len(set(pieces))


def test_another_process_makes_the_same_errors() -> None:
    code = f"from llama_index_rerank_tuner.noise import noisy; print(ascii(noisy({TEXT!r}, 'typo', 0.2, 3)))"
    printed = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
        env={"PYTHONHASHSEED": "5"},
    ).stdout
    assert printed.strip() == ascii(noisy(TEXT, "typo", 0.2, 3))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kind": "smudge"}, "no noise 'smudge'; the kinds are ocr, line_break, drop, full_width, case, typo"),
        ({"kind": "ocr", "rate": 1.1}, "rate must be a number from 0 to 1, got 1.1"),
        ({"kind": "ocr", "rate": -0.1}, "rate must be a number from 0 to 1, got -0.1"),
        ({"kind": "ocr", "rate": math.nan}, "rate must be a number from 0 to 1, got nan"),
    ],
)
def test_what_cannot_work_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        noisy(TEXT, **arguments)


def example(number: int) -> RerankExample:
    def passage(name: str, label: float) -> Passage:
        text = f"{name} {number}: the rule of the modern city on the fee of a form"
        return Passage(text, f"{name}{number}", label, 0.5, {"bm25": Retrieved(1, 2.0)}, "g", {"by": "hand"})

    positives, negatives = (passage("p", 1.0),), tuple(passage(name, 0.0) for name in "abc")
    return RerankExample(f"q{number}", "what fee", positives, negatives, (*positives, *negatives), "g", {"k": 1})


EXAMPLES = [example(number) for number in range(250)]


def without_texts(examples: list[RerankExample]) -> list[Any]:
    def bare(passages: tuple[Passage, ...]) -> list[Any]:
        return [(p.node_id, p.label, p.teacher_score, p.retrieved, p.group, p.metadata) for p in passages]

    return [
        (e.query_id, e.query, bare(e.positives), bare(e.negatives), e.candidates, e.group, e.metadata) for e in examples
    ]


def changed(made: list[RerankExample], side: Literal["positives", "negatives"]) -> float:
    """Share of the positives, or of the negatives, whose text changed."""
    olds, news = ([passage.text for each in some for passage in getattr(each, side)] for some in (EXAMPLES, made))
    return sum(old != new for old, new in zip(olds, news, strict=True)) / len(olds)


def test_a_share_of_the_passages_has_errors_positives_and_negatives_alike() -> None:
    made = augmented(EXAMPLES, 0.4, rate=0.2)
    assert 0.35 <= changed(made, "negatives") <= 0.45
    assert 0.3 <= changed(made, "positives") <= 0.5


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_only_passage_texts_change(share: float) -> None:
    assert without_texts(augmented(EXAMPLES, share)) == without_texts(EXAMPLES)


def test_share_0_changes_nothing_and_share_1_changes_all() -> None:
    assert augmented(EXAMPLES, 0.0) == EXAMPLES
    made = augmented(EXAMPLES, 1.0, rate=0.2)
    assert changed(made, "positives") == changed(made, "negatives") == 1.0


def test_the_errors_depend_on_the_seed_and_not_on_the_order() -> None:
    made = augmented(EXAMPLES, 0.5, seed=1)
    assert augmented(EXAMPLES[::-1], 0.5, seed=1)[::-1] == made
    assert augmented(EXAMPLES, 0.5, seed=2) != made


def test_each_noisy_passage_has_one_kind_and_all_kinds_occur() -> None:
    made = augmented(EXAMPLES[:60], 1.0, seed=4, rate=0.2)
    occurred = set()
    for before, after in zip(EXAMPLES, made, strict=False):
        (old,), (new,) = before.positives, after.positives
        kinds = [kind for kind in KINDS if noisy(old.text, kind, 0.2, 4) == new.text]
        assert len(kinds) == 1
        occurred |= set(kinds)
    assert occurred == set(KINDS)


def test_a_passage_that_stands_on_both_sides_of_an_example_stays_one_passage() -> None:
    twice = RerankExample("q", "what fee", (Passage(TEXT),), (Passage(TEXT, "n"), Passage("other text")))
    for seed in range(20):
        (made,) = augmented([twice], 0.5, seed, rate=0.3)
        assert made.positives[0].text == made.negatives[0].text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"share": 2.0}, "share must be a number from 0 to 1, got 2.0"),
        ({"share": 0.1, "kinds": []}, "kinds must name at least one kind of noise"),
        ({"share": 0.1, "kinds": ["typo", "smudge"]}, "no noise 'smudge'"),
        ({"share": 0.1, "rate": 3}, "rate must be a number from 0 to 1, got 3"),
    ],
)
def test_augmenting_refuses_what_cannot_work(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        augmented(EXAMPLES, **arguments)
