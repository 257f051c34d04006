"""Drawing from a window, lazily shuffling a corpus, and dividing places by shares."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.mining.sampling import Sampling, apportioned, drawn, shuffled


@given(st.integers(0, 200), st.integers(0, 2**32))
def test_shuffling_as_far_as_it_is_read_gives_the_order_of_a_whole_sample(size: int, seed: int) -> None:
    items = [f"item {i}" for i in range(size)]
    assert list(shuffled(items, random.Random(seed))) == random.Random(seed).sample(items, size)


@pytest.mark.parametrize("sampling", ["hardest", "uniform", "log_rank"])
@given(size=st.integers(0, 40), count=st.integers(0, 40), seed=st.integers(0, 99))
def test_every_item_comes_once(sampling: Sampling, size: int, count: int, seed: int) -> None:
    assert sorted(drawn(range(size), count, sampling, random.Random(seed))) == list(range(size))


@given(size=st.integers(0, 60), count=st.integers(0, 60), seed=st.integers(0, 99))
def test_uniform_draws_are_those_of_random_sample(size: int, count: int, seed: int) -> None:
    wanted = min(size, count)
    first = list(islice(drawn(range(size), count, "uniform", random.Random(seed)), wanted))
    assert first == random.Random(seed).sample(range(size), wanted)


def _first_places(sampling: Sampling) -> Counter[int]:
    return Counter(next(drawn(range(8), 1, sampling, random.Random(seed))) for seed in range(4000))


def test_the_samplings_prefer_the_top_as_much_as_they_say() -> None:
    assert _first_places("hardest") == {0: 4000}
    assert all(abs(count - 500) < 90 for count in _first_places("uniform").values())
    # Weights 1/log2(1 + place): 1, 0.631, 0.5 ... 0.315, together 3.95.
    by_rank = _first_places("log_rank")
    assert abs(by_rank[0] / 4000 - 1 / 3.953) < 0.03
    assert abs(by_rank[1] / 4000 - 0.631 / 3.953) < 0.03
    assert abs(by_rank[7] / 4000 - 0.315 / 3.953) < 0.03


@given(
    shares=st.dictionaries(st.text(max_size=3), st.floats(0.01, 100), min_size=1, max_size=5),
    count=st.integers(0, 50),
    seed=st.integers(0, 99),
)
def test_places_add_up_and_miss_their_exact_part_by_less_than_one(
    shares: dict[str, float], count: int, seed: int
) -> None:
    places = apportioned(shares, count, random.Random(seed))
    assert sum(places.values()) == count
    total = sum(shares.values())
    assert all(abs(places[name] - count * shares[name] / total) < 1 + 1e-6 for name in shares)


def test_shares_that_divide_the_places_are_met_whatever_the_draw() -> None:
    shares = {"a": 3, "b": 1, "c": 0}
    assert {tuple(apportioned(shares, 8, random.Random(seed)).values()) for seed in range(50)} == {(6, 2, 0)}
