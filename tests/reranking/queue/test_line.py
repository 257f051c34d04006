"""The line: who is served next, how much of it, and when it is full."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import OverloadedError
from llama_index_rerank_tuner.reranking.queue.line import Line
from llama_index_rerank_tuner.reranking.queue.requests import Request
from tests.reranking.queue.scorers import pairs_of


def line_of(*sizes: int, max_pairs: int = 10, max_queued_pairs: int = 1000) -> tuple[Line, list[Request]]:
    line = Line(max_pairs, max_queued_pairs)
    requests = [Request(pairs_of(caller, size)) for caller, size in enumerate(sizes)]
    for request in requests:
        line.add(request)
    return line, requests


def turns(line: Line, requests: list[Request]) -> list[list[tuple[int, int]]]:
    """For each batch until nobody waits: whose parts are in it, and how many pairs each has."""
    batches = []
    while batch := line.take():
        batches.append([(requests.index(part.request), len(part)) for part in batch])
    return batches


def test_small_requests_share_a_batch_in_the_order_in_which_they_came() -> None:
    assert turns(*line_of(3, 4, 2, 5)) == [[(0, 3), (1, 4), (2, 2)], [(3, 5)]]


def test_a_request_that_fits_into_a_batch_is_not_cut_to_fill_another() -> None:
    assert turns(*line_of(6, 6, 4, 10)) == [[(0, 6)], [(1, 6), (2, 4)], [(3, 10)]]


def test_a_large_request_takes_turns_with_those_behind_it() -> None:
    assert turns(*line_of(35, 4, 3)) == [[(0, 10)], [(1, 4), (2, 3), (0, 3)], [(0, 10)], [(0, 10)], [(0, 2)]]


def test_two_large_requests_take_turns() -> None:
    assert turns(*line_of(25, 25)) == [[(0, 10)], [(1, 10)], [(0, 10)], [(1, 10)], [(0, 5), (1, 5)]]


def test_one_who_comes_during_a_large_request_is_in_the_next_batch() -> None:
    line, requests = line_of(1000)
    line.take()
    requests.append(Request(pairs_of("late", 2)))
    line.add(requests[1])
    assert [(requests.index(part.request), len(part)) for part in line.take()] == [(0, 10)]
    assert [(requests.index(part.request), len(part)) for part in line.take()] == [(1, 2), (0, 8)]


def test_a_large_request_moves_on_however_many_small_ones_keep_coming() -> None:
    line, requests = line_of(50)
    batches = 0
    while requests[0].waiting:
        for _ in range(3):
            line.add(Request(pairs_of("small", 5)))
        line.take()
        batches += 1
        assert batches < 60


def test_given_up_requests_are_passed_over() -> None:
    line, requests = line_of(3, 30, 4)
    requests[0].future.cancel()
    requests[1].future.cancel()
    assert turns(line, requests) == [[(2, 4)]]
    assert (line.pairs, len(line)) == (0, 0)


def test_a_full_line_refuses_with_the_figures() -> None:
    line, _ = line_of(6, 3, max_queued_pairs=10)
    message = r"9 pairs of 2 calls wait to be scored; 2 more would pass max_queued_pairs=10\. Try again later"
    with pytest.raises(OverloadedError, match=message):
        line.add(Request(pairs_of("late", 2)))
    line.add(Request(pairs_of("just fits", 1)))
    assert (line.pairs, len(line)) == (10, 3)


def test_an_empty_line_takes_a_request_of_any_size() -> None:
    line, requests = line_of(25, max_queued_pairs=10)
    assert turns(line, requests) == [[(0, 10)], [(0, 10)], [(0, 5)]]


def test_room_of_given_up_requests_is_free_again() -> None:
    line, requests = line_of(6, 4, max_queued_pairs=10)
    requests[0].future.cancel()
    line.add(Request(pairs_of("late", 6)))
    assert (line.pairs, len(line)) == (10, 2)


SIZES = st.lists(st.integers(1, 40), max_size=12)


@given(SIZES, st.integers(1, 12))
def test_every_pair_is_taken_once_in_order_and_no_batch_is_too_large(sizes: list[int], max_pairs: int) -> None:
    line, requests = line_of(*sizes, max_pairs=max_pairs)
    taken: list[list[tuple[str, str]]] = [[] for _ in sizes]
    while batch := line.take():
        assert sum(len(part) for part in batch) <= max_pairs
        assert len({id(part.request) for part in batch}) == len(batch)
        for part in batch:
            taken[requests.index(part.request)].extend(part.pairs)
        assert line.pairs == sum(request.waiting for request in requests)
    assert taken == [request.pairs for request in requests]


@given(SIZES, st.integers(1, 12))
def test_nobody_waits_longer_than_one_turn_of_everybody_before_and_beside_it(sizes: list[int], max_pairs: int) -> None:
    """A request that fits into a batch is served after at most one turn of each request before it."""
    line, requests = line_of(*sizes, max_pairs=max_pairs)
    for number, batch in enumerate(turns(line, requests)):
        for caller, _ in batch:
            if sizes[caller] <= max_pairs:
                assert number <= caller
