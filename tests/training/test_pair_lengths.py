"""Lengths of the training pairs, measured on a sample."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.training.settings.pair_lengths import length_that_holds, sampled_lengths, share_longer

LISTS = [{"query": "q", "docs": ["a", "b b", "c c c"]}, {"query": "long query", "docs": ["d d d d"]}]


class Counting:
    """Counts words, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, queries: list[str], passages: list[str]) -> list[int]:
        self.asked += zip(queries, passages, strict=True)
        return [len(f"{query} {passage}".split()) for query, passage in zip(queries, passages, strict=True)]


def test_all_pairs_of_small_data_are_measured_once() -> None:
    counting = Counting()
    assert sampled_lengths(LISTS, counting) == (2, 3, 4, 6)
    assert counting.asked == [("q", "a"), ("q", "b b"), ("q", "c c c"), ("long query", "d d d d")]


def test_rows_of_single_pairs_are_measured_too() -> None:
    rows = [{"query": "q", "passage": "a b", "label": 1.0}, {"query": "q", "passage": "c", "label": 0.0}]
    assert sampled_lengths(rows, Counting()) == (2, 3)


def test_large_data_is_sampled_without_repeats_and_alike_for_a_seed() -> None:
    rows = [{"query": f"q{row}", "docs": [f"p{row}-{place}" for place in range(row % 4)]} for row in range(3_000)]
    drawn = []
    for seed in (0, 0, 1):
        counting = Counting()
        assert len(sampled_lengths(rows, counting, seed=seed)) == 2_000
        drawn.append(counting.asked)
    assert len(set(drawn[0])) == 2_000
    assert all(passage.startswith(f"p{query[1:]}-") for query, passage in drawn[0])
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("rows", [[], [{"query": "q", "docs": []}]])
def test_no_pair_at_all_is_refused(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(DataError, match="it holds no pair"):
        sampled_lengths(rows, Counting())


def test_no_length_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="measure some with sampled_lengths"):
        length_that_holds(())


@given(st.lists(st.integers(1, 600), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
@settings(deadline=None)
def test_it_is_the_shortest_length_that_holds_the_share(lengths: list[int], share: float) -> None:
    chosen = length_that_holds(lengths, share)
    assert chosen in lengths
    assert share_longer(lengths, chosen) <= 1 - share + 1e-9
    shorter = [length for length in lengths if length < chosen]
    assert not shorter or share_longer(lengths, max(shorter)) > 1 - share - 1e-9
