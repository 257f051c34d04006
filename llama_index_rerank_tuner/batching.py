"""The token-budget batch planner: texts of like length share a batch, and no batch grows past the budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llama_index_rerank_tuner.errors import ConfigError

CPU_TOKEN_BUDGET, BATCH_COST = 1_024, 64
"""For fp32 on a CPU: batches that stay in its caches; tokens that take as long to compute as starting a batch takes."""

CPU_BF16_TOKEN_BUDGET, CPU_BF16_BATCH_COST = 4_096, 180
"""For bf16 on a CPU: half as large in the caches, and computing is cheaper while starting is not."""


def plan_batches(
    lengths: ArrayLike, token_budget: int, max_size: int | None = None, batch_cost: int = BATCH_COST
) -> list[list[int]]:
    """Batches of texts, each padded to its longest, that cost the least.

    A batch of ``size`` texts costs ``size × longest + batch_cost`` tokens; no way to batch the same texts within the
    budget, sorted or not, costs less in all. (Swapping a text for the longest of a batch that holds longer ones never
    costs more, so the best batches are runs of the sorted lengths; dynamic programming finds the best cuts.)

    Args:
        lengths: Tokens of ``n`` texts, shape ``(n,)``.
        token_budget: Most tokens of a batch, padding included. A longer text gets a batch of its own.
        max_size: Most texts of a batch; None for no limit.
        batch_cost: Tokens of padding worth computing to save a batch; more where starting a batch is dear (a GPU).

    Returns:
        Indices into ``lengths``, each once; the longest batch first, and in a batch the longest text first.

    Raises:
        ConfigError: A number cannot work.

    Example:
        >>> plan_batches([12, 200, 10, 190, 11], token_budget=400)
        [[1, 3], [0, 4, 2]]
    """
    tokens = _checked(lengths, token_budget, max_size, batch_cost)
    order = np.argsort(tokens, kind="stable")
    starts = _cheapest_starts(tokens[order], token_budget, max_size or len(tokens), batch_cost)
    batches, end = [], len(tokens)
    while end:
        batches.append(order[starts[end] : end][::-1].tolist())
        end = int(starts[end])
    return batches


def padding_share(lengths: ArrayLike, batches: Sequence[Sequence[int]]) -> float:
    """Share of a model's work that is padding, from 0 to 1, where each batch is padded to its longest text.

    Args:
        lengths: Tokens of ``n`` texts, shape ``(n,)``.
        batches: Indices into them.

    Example:
        >>> round(padding_share([12, 200, 10, 190, 11], [[1, 3], [0, 4, 2]]), 3)
        0.03
        >>> padding_share([12, 200, 10, 190, 11], [[0, 1, 2, 3, 4]])
        0.577
    """
    tokens = np.asarray(lengths, dtype=np.int64)
    padded = sum(len(batch) * int(tokens[list(batch)].max()) for batch in batches if batch)
    return 1 - sum(int(tokens[list(batch)].sum()) for batch in batches) / padded if padded else 0.0


def _cheapest_starts(tokens: NDArray[np.int64], budget: int, max_size: int, cost: int) -> NDArray[np.int64]:
    """For each end, where the last of the cheapest batches over the ascending ``tokens[:end]`` starts."""
    least = np.zeros(len(tokens) + 1, dtype=np.int64)
    starts = np.zeros(len(tokens) + 1, dtype=np.int64)
    for end, longest in enumerate(tokens.tolist(), start=1):
        size = max(1, min(max_size, end, budget // max(1, longest)))
        first = end - size
        totals = least[first:end] + longest * np.arange(size, 0, -1) + cost
        best = int(totals.argmin())
        starts[end], least[end] = first + best, totals[best]
    return starts


def _checked(lengths: ArrayLike, token_budget: int, max_size: int | None, batch_cost: int) -> NDArray[np.int64]:
    for name, value in (("token_budget", token_budget), ("max_size", max_size)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} must be a positive integer, got {value}.")
    if batch_cost < 0:
        raise ConfigError(f"batch_cost must not be negative, got {batch_cost}.")
    tokens = np.asarray(lengths, dtype=np.int64)
    if tokens.ndim != 1 or (tokens < 0).any():
        raise ConfigError(f"lengths must be one row of token counts, none negative; got shape {tokens.shape}.")
    return tokens
