"""How long the training pairs are in tokens, measured on a sample of them."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np

from llama_index_rerank_tuner.errors import ConfigError, DataError

CountTokens: TypeAlias = Callable[[list[str], list[str]], Sequence[int]]
"""Queries and as many passages in, the length of each pair out, with its special tokens and nothing cut."""

SAMPLE, BATCH = 2_000, 100


def sampled_lengths(
    rows: Sequence[Mapping[str, Any]], count_tokens: CountTokens, *, sample: int = SAMPLE, seed: int = 0
) -> tuple[int, ...]:
    """Lengths in tokens of pairs drawn evenly from training rows, all of them where there are no more than ``sample``.

    Args:
        rows: Training rows: ``query`` with ``docs``, a list, or with one ``passage``.
        count_tokens: Measures pairs.
        sample: Most pairs to measure.
        seed: Same rows and seed, same pairs.

    Returns:
        The lengths, shortest first.

    Raises:
        DataError: There is no pair.

    Example:
        >>> rows = [{"query": "a b", "docs": ["c", "d e f"]}, {"query": "g", "passage": "h"}]
        >>> sampled_lengths(rows, lambda queries, docs: [len((q + " " + d).split()) for q, d in zip(queries, docs)])
        (2, 3, 5)
    """
    pairs = _sampled_pairs(rows, sample, seed)
    lengths: list[int] = []
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        lengths += (int(each) for each in count_tokens([query for query, _ in batch], [text for _, text in batch]))
    return tuple(sorted(lengths))


def length_that_holds(lengths: Sequence[int], share: float = 0.99) -> int:
    """The shortest length that at least a share of the pairs fit in: the empirical quantile, no interpolation.

    Raises:
        ConfigError: There are no lengths.

    Example:
        >>> length_that_holds(range(1, 201), 0.99)
        198
    """
    if not len(lengths):
        raise ConfigError("There are no pair lengths to choose max_length from; measure some with sampled_lengths.")
    return int(np.quantile(np.asarray(lengths), share, method="inverted_cdf"))


def share_longer(lengths: Sequence[int], limit: int) -> float:
    """Share of the pairs that are longer than a limit, which cuts them.

    Example:
        >>> share_longer((10, 20, 30, 40), 30)
        0.25
    """
    return sum(length > limit for length in lengths) / len(lengths)


def _sampled_pairs(rows: Sequence[Mapping[str, Any]], sample: int, seed: int) -> list[tuple[str, str]]:
    ends = list(accumulate(len(_passages(row)) for row in rows))
    total = ends[-1] if ends else 0
    if not total:
        raise DataError("training data", "it holds no pair", "Give questions with passages.")
    drawn = range(total) if total <= sample else sorted(random.Random(seed).sample(range(total), sample))
    return [_pair(rows, ends, place) for place in drawn]


def _pair(rows: Sequence[Mapping[str, Any]], ends: Sequence[int], place: int) -> tuple[str, str]:
    index = bisect_right(ends, place)
    passages = _passages(rows[index])
    return rows[index]["query"], passages[place - ends[index]]


def _passages(row: Mapping[str, Any]) -> Sequence[str]:
    return row["docs"] if "docs" in row else (row["passage"],)
