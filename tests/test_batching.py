"""The token-budget batch planner."""

from __future__ import annotations

from itertools import chain
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.batching import padding_share, plan_batches
from llama_index_rerank_tuner.errors import ConfigError

LENGTHS = st.lists(st.integers(0, 300), max_size=40)
BUDGETS = st.integers(1, 900)
SIZES = st.none() | st.integers(1, 12)
COSTS = st.integers(0, 300)


def test_short_and_long_texts_part_where_padding_costs_more_than_a_batch() -> None:
    lengths = [20, 500, 22, 480, 21]
    assert plan_batches(lengths, token_budget=4096) == [[1, 3], [2, 4, 0]]
    assert plan_batches(lengths, token_budget=4096, batch_cost=10_000) == [[1, 3, 2, 4, 0]]


def test_the_budget_counts_padding() -> None:
    assert plan_batches([100, 60, 60], token_budget=299, batch_cost=1000) == [[0], [2, 1]]
    assert plan_batches([100, 60, 60], token_budget=300, batch_cost=1000) == [[0, 2, 1]]


def test_a_text_longer_than_the_budget_gets_a_batch_of_its_own() -> None:
    assert plan_batches([700, 5, 600], token_budget=512) == [[0], [2], [1]]


def test_no_batch_holds_more_texts_than_it_may() -> None:
    assert plan_batches([10] * 5, token_budget=1000, max_size=2) == [[4, 3], [2, 1], [0]]


def test_nothing_makes_no_batch() -> None:
    assert plan_batches([], token_budget=10) == []
    assert padding_share([], []) == 0.0


def test_padding_is_a_share_of_what_is_computed() -> None:
    assert padding_share([10, 30, 40], [[0, 1], [2]]) == pytest.approx(20 / 100)


@given(LENGTHS, BUDGETS, SIZES, COSTS)
def test_each_text_comes_once_and_each_batch_keeps_its_limits(
    lengths: list[int], budget: int, max_size: int | None, cost: int
) -> None:
    batches = plan_batches(lengths, budget, max_size, cost)
    assert sorted(chain(*batches)) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= (max_size or len(batch))
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget
    in_order = [lengths[index] for batch in batches for index in batch]
    assert in_order == sorted(lengths, reverse=True)
    assert batches == plan_batches(lengths, budget, max_size, cost)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=30), BUDGETS, SIZES, COSTS, st.randoms())
def test_no_batches_in_any_order_cost_less(
    lengths: list[int], budget: int, max_size: int | None, cost: int, rng: Random
) -> None:
    """Against batches filled at random: unsorted, each closed when full or at whim."""

    def total(batches: list[list[int]]) -> int:
        return sum(len(batch) * max(lengths[index] for index in batch) + cost for batch in batches)

    order = list(range(len(lengths)))
    rng.shuffle(order)
    unsorted: list[list[int]] = [[]]
    for index in order:
        grown = [*unsorted[-1], index]
        fits = len(grown) * max(lengths[each] for each in grown) <= budget and len(grown) <= (max_size or len(grown))
        if not unsorted[-1] or (fits and rng.random() < 0.8):
            unsorted[-1].append(index)
        else:
            unsorted.append([index])
    planned = plan_batches(lengths, budget, max_size, cost)
    assert total(planned) <= total(unsorted)
    if len(planned) >= len(unsorted):
        assert padding_share(lengths, planned) <= padding_share(lengths, unsorted) + 1e-12


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"token_budget": 0}, "token_budget must be a positive integer, got 0"),
        ({"token_budget": 8, "max_size": -1}, "max_size must be a positive integer, got -1"),
        ({"token_budget": 8, "batch_cost": -1}, "batch_cost must not be negative, got -1"),
        ({"token_budget": 8, "lengths": [3, -2]}, "none negative"),
        ({"token_budget": 8, "lengths": [[3]]}, r"one row of token counts.*\(1, 1\)"),
    ],
)
def test_a_number_that_cannot_work_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_batches(**{"lengths": [1, 2], **wrong})
