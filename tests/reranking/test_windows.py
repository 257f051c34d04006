"""Windows: every part of a long passage is read, and short ones are scored as ever."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers import AutoTokenizer

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.reranking.windows import WindowedScorer, WindowMode

QUERY = "what fee"
ROOM = 12
"""Tokens beside the query's two and three special ones, in pairs of 17."""


class Firsts:
    """Scores a passage by the number its first word ends in; remembers what it was asked."""

    name = "models/firsts"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        self.asked.extend(pairs)
        return np.array([float(passage.split()[0][1:]) for _, passage in pairs])


@pytest.fixture(scope="module")
def tokenizer(tiny_models: dict[str, Path]) -> Any:
    return AutoTokenizer.from_pretrained(tiny_models["cross-encoder"])


@pytest.fixture(scope="module")
def wordpiece() -> Any:
    from llama_index_rerank_tuner.models import offline_minilm

    return AutoTokenizer.from_pretrained(offline_minilm())


def words(count: int) -> str:
    return " ".join(f"w{i}" for i in range(count))


def windowed(tokenizer: Any, mode: WindowMode = "max", overlap: int = 2, max_length: int = 17) -> WindowedScorer:
    return WindowedScorer(Firsts(), tokenizer, max_length, mode, overlap=overlap)


def spans(scorer: WindowedScorer, passage: str, query: str = QUERY) -> list[tuple[int, int]]:
    """First and last word of each window."""
    windows = scorer.windows([(query, passage)])[0]
    return [(int(window.split()[0][1:]), int(window.split()[-1][1:])) for window in windows]


def test_a_passage_that_just_fits_is_left_as_it_is(tokenizer: Any) -> None:
    scorer = windowed(tokenizer)
    assert scorer.windows([(QUERY, words(ROOM))]) == [[words(ROOM)]]
    assert (scorer([(QUERY, words(ROOM))]).tolist(), scorer.windowed) == ([0.0], 0)


def test_windows_overlap_and_reach_the_end(tokenizer: Any) -> None:
    assert spans(windowed(tokenizer), words(13)) == [(0, 11), (10, 12)]
    assert spans(windowed(tokenizer), words(32)) == [(0, 11), (10, 21), (20, 31)]
    assert spans(windowed(tokenizer, overlap=0), words(24)) == [(0, 11), (12, 23)]


def test_the_overlap_is_at_most_a_quarter_of_a_window(tokenizer: Any) -> None:
    assert spans(windowed(tokenizer, overlap=11), words(20)) == [(0, 11), (9, 19)]


def test_the_best_window_scores_or_the_mean_of_the_first_and_the_best(tokenizer: Any) -> None:
    passage = words(32)  # its windows begin with the words 0, 10 and 20
    assert windowed(tokenizer)([(QUERY, passage), (QUERY, "w7")]).tolist() == [20.0, 7.0]
    assert windowed(tokenizer, "first_max")([(QUERY, passage), (QUERY, "w7")]).tolist() == [10.0, 7.0]


def test_a_longer_query_leaves_smaller_windows_but_never_less_than_half(tokenizer: Any) -> None:
    assert spans(windowed(tokenizer), words(12), query="what fee what") == [(0, 10), (9, 11)]
    long_query = " ".join(["what"] * 40)
    assert spans(windowed(tokenizer, overlap=1), words(12), query=long_query) == [(0, 6), (6, 11)]


def test_a_prompt_takes_room_too(tokenizer: Any) -> None:
    scorer = WindowedScorer(Firsts(), tokenizer, 17, overlap=2, prompt="claim tax ")
    assert spans(scorer, words(12)) == [(0, 9), (8, 11)]


def test_no_pair_is_asked_twice_in_a_call_of_its_own_or_changed(tokenizer: Any) -> None:
    scorer = windowed(tokenizer)
    pairs = [(QUERY, words(3)), (QUERY, words(20)), ("cat", words(3))]
    scorer(pairs)
    assert [query for query, _ in scorer._scorer.asked] == [QUERY, QUERY, QUERY, "cat"]  # type: ignore[attr-defined]
    assert (scorer.passages, scorer.windowed) == (3, 1)


def test_nothing_asked_nothing_scored(tokenizer: Any) -> None:
    assert windowed(tokenizer)([]).shape == (0,)


@pytest.mark.parametrize("passage", ["", "   ", "\n\t", "\x00\x01"])
def test_a_passage_without_tokens_is_one_window(wordpiece: Any, passage: str) -> None:
    assert windowed(wordpiece).windows([(QUERY, passage)]) == [[passage]]


WILD = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            ["fee", "unbelievably", "antidisestablishmentarianism", "申请许可证的截止日期", "\x00", "🙂🙂", "\ud800"]
        ),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(WILD, st.sampled_from(["", " "]), st.integers(8, 40), st.integers(0, 20))
def test_every_character_is_read_and_no_window_is_cut(
    wordpiece: Any, parts: list[str], between: str, max_length: int, overlap: int
) -> None:
    passage = between.join(parts)
    scorer = WindowedScorer(Firsts(), wordpiece, max_length, overlap=overlap)
    windows = scorer.windows([(QUERY, passage)])[0]
    assert windows[0] == passage[: len(windows[0])]
    covered = 0
    for window in windows:
        begin = passage.rfind(window, 0, covered + len(window))
        assert 0 <= begin <= covered
        covered = max(covered, begin + len(window))
    assert covered == len(passage)
    room = max(max_length - 5, (max_length - 3) // 2)
    clean = [window.encode("utf-8", "replace").decode() for window in windows]
    lengths = [len(ids) for ids in wordpiece(clean, add_special_tokens=False)["input_ids"]]
    assert max(lengths) <= room


def test_a_passage_of_100000_characters(wordpiece: Any) -> None:
    passage = "the fee is ten crowns. " * 4_348
    windows = WindowedScorer(Firsts(), wordpiece, 512).windows([(QUERY, passage)])[0]
    assert len(windows) == 59
    assert max(len(wordpiece(window, add_special_tokens=False)["input_ids"]) for window in windows) <= 507


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "mean"}, "windows must be 'max', 'first_max' or None, got 'mean'"),
        ({"overlap": -1}, "overlap must not be negative, got -1"),
        ({"max_length": 4}, "max_length must leave room for a query and a passage, got 4"),
    ],
)
def test_impossible_settings_are_refused(tokenizer: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WindowedScorer(Firsts(), tokenizer, **{"max_length": 17, **arguments})


def test_a_tokenizer_without_offsets_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a fast tokenizer"):
        WindowedScorer(Firsts(), object(), 17)  # type: ignore[arg-type]
