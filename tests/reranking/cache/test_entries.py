"""Entries of scores outside of this process."""

from __future__ import annotations

import struct
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.reranking.cache.entries import packed, unpacked

KEY = b"k" * 32
SCORES = st.floats(allow_nan=False, allow_infinity=False)


@given(SCORES)
def test_a_score_comes_back_bit_for_bit(score: float) -> None:
    found = unpacked(KEY, packed(KEY, score))
    assert found is not None
    assert struct.pack("<d", found) == struct.pack("<d", score)


@given(SCORES, st.integers(0, 12 * 8 - 1))
def test_one_flipped_bit_is_noticed(score: float, bit: int) -> None:
    damaged = bytearray(packed(KEY, score))
    damaged[bit // 8] ^= 1 << bit % 8
    assert unpacked(KEY, bytes(damaged)) is None


@given(st.binary(max_size=20))
def test_other_bytes_are_no_entry(entry: bytes) -> None:
    assert unpacked(KEY, entry) is None


def test_the_entry_of_another_key_is_no_entry() -> None:
    assert unpacked(b"l" * 32, packed(KEY, 1.5)) is None


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_cannot_be_ranked_on_is_no_entry(score: float) -> None:
    value = struct.pack("<d", score)
    assert unpacked(KEY, value + struct.pack("<I", crc32(value, crc32(KEY)))) is None


@pytest.mark.parametrize("entry", [None, 1.5, "1.5", packed(KEY, 1.5) + b"\x00"])
def test_another_type_or_length_is_no_entry(entry: object) -> None:
    assert unpacked(KEY, entry) is None
