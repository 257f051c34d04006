"""Which rows share a training step, drawn anew for every epoch: pairs with pairs of like length, lists at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.training.batches.steps import ShuffledSteps, Steps
from llama_index_rerank_tuner.training.losses.registry import loss_spec

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

    from llama_index_rerank_tuner.training.losses.lists import TrainingRows

JITTER = 0.1
"""Share by which a row's length may be misjudged when an epoch is sorted, so that its neighbours change."""

TOKENIZED_AT_ONCE = 512


def row_pairs(row: dict[str, Any]) -> list[tuple[str, str]]:
    """The pairs of a training row.

    Example:
        >>> row_pairs({"query": "what fee", "docs": ["10 euros", "blue"], "label": [1.0, 0.0]})
        [('what fee', '10 euros'), ('what fee', 'blue')]
        >>> row_pairs({"query": "what fee", "passage": "10 euros", "label": 1.0})
        [('what fee', '10 euros')]
    """
    passages = row["docs"] if "docs" in row else [row["passage"]]
    return [(row["query"], passage) for passage in passages]


def row_lengths(model: CrossEncoder, rows: Sequence[dict[str, Any]]) -> list[list[int]]:
    """Tokens of each row's pairs as the model reads them: special tokens and templates counted, cut at its length.

    Args:
        model: The cross-encoder, its ``max_seq_length`` set.
        rows: ``n`` training rows.

    Returns:
        ``n`` lists, a number for each pair of the row.
    """
    by_row = [row_pairs(row) for row in rows]
    different = {pair for pairs in by_row for pair in pairs}
    pairs = sorted(different, key=lambda pair: (len(pair[0]) + len(pair[1]), pair))
    known: dict[tuple[str, str], int] = {}
    for start in range(0, len(pairs), TOKENIZED_AT_ONCE):
        part = pairs[start : start + TOKENIZED_AT_ONCE]
        known |= zip(part, model.preprocess(part)["attention_mask"].sum(dim=1).tolist(), strict=True)
    return [[known[pair] for pair in pairs] for pairs in by_row]


class LengthGroupedSteps:
    """Rows of like length in a step, about the same number of pairs in every one.

    An example weighs in its step as it would in a random one; only who shares it depends on the length. Each epoch
    sorts the rows by lengths misjudged by up to a tenth, cuts them into steps and shuffles the steps. Seed and epoch
    alone decide: a resumed run finds its place again. The longest step opens the first epoch, so that what does not fit
    the memory fails at once. A step's rows come shortest first: processes that take turns get shares of like cost.

    Args:
        lengths: Tokens of each row's pairs, as ``row_lengths`` gives them.
        pairs_per_step: Pairs of a step, of all processes together. A step takes as many whole rows as fit on average,
            at least one.
        seed: Seeds the order.

    Raises:
        ConfigError: There are no rows, one has no passage, or ``pairs_per_step`` is not positive.

    Source: like batching by bucketed length (Sutskever et al., "Sequence to Sequence Learning with Neural Networks",
    NIPS 2014, section 3.4), with noise for the edges of the buckets.

    Example:
        >>> steps = LengthGroupedSteps([[90], [10], [95], [11], [12], [92]], pairs_per_step=3)
        >>> list(steps)
        [[0, 5, 2], [1, 3, 4]]
    """

    def __init__(self, lengths: Sequence[Sequence[int]], pairs_per_step: int, seed: int = 0) -> None:
        _check(lengths, pairs_per_step)
        self.seed, self.epoch = seed, 0
        self.longest = np.array([max(row) for row in lengths], dtype=np.float64)
        self.pairs = np.array([len(row) for row in lengths])
        rows_per_step = max(1, pairs_per_step * len(lengths) // int(self.pairs.sum()))
        self.steps = -(-len(lengths) // rows_per_step)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Steps of an epoch, the same in every one."""
        return self.steps

    def __iter__(self) -> Iterator[list[int]]:
        """Row numbers, step by step; each once an epoch."""
        rng = np.random.default_rng([self.seed, self.epoch])
        misjudged = self.longest * (1 + JITTER * rng.uniform(-1, 1, len(self.longest)))
        rows = np.argsort(misjudged, kind="stable")
        steps = np.split(rows, self._cuts(rows))
        order = rng.permutation(len(steps))
        if self.epoch == 0:
            last = int(order.argmax())
            order[[0, last]] = order[[last, 0]]
        for index in order:
            yield sorted(steps[index].tolist(), key=self.longest.__getitem__)

    def _cuts(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the sorted rows are cut: at equal numbers of pairs, with at least a row in each step."""
        pairs = np.cumsum(self.pairs[rows])
        step = np.arange(1, self.steps)
        cuts = np.searchsorted(pairs, pairs[-1] * step / self.steps) + 1
        increasing = np.maximum.accumulate(cuts - step) + step
        return np.minimum(increasing, len(rows) - self.steps + step)


def length_grouped_steps(
    model: CrossEncoder, training: TrainingRows, pairs_per_step: int, seed: int
) -> LengthGroupedSteps:
    """The steps of a run, its lengths measured with the model's tokenizer.

    Args:
        model: The cross-encoder, its ``max_seq_length`` set.
        training: All the rows of the run.
        pairs_per_step: Pairs of a step, of all processes together.
        seed: Seeds the order.
    """
    return LengthGroupedSteps(row_lengths(model, training.rows), pairs_per_step, seed)


def steps_of_rows(model: CrossEncoder, training: TrainingRows, batch_size: int, seed: int) -> Steps:
    """Pairs of like length together; lists in an order drawn anew each epoch, about ``batch_size`` pairs a step.

    A step of lists is sorted by length inside, and grouping whole lists by length has brought no speed beyond that.

    Args:
        model: Its tokenizer counts the lengths.
        training: The rows.
        batch_size: Pairs a step.
        seed: Same seed, same steps.
    """
    if not loss_spec(training.loss).reads_lists:
        return length_grouped_steps(model, training, batch_size, seed)
    return ShuffledSteps(len(training.rows), lists_per_step(training, batch_size), seed)


def lists_per_step(training: TrainingRows, batch_size: int) -> int:
    """Lists that a step of about ``batch_size`` pairs takes, at least one."""
    return max(1, round(batch_size * len(training.rows) / training.pairs))


def _check(lengths: Sequence[Sequence[int]], pairs_per_step: int) -> None:
    if pairs_per_step < 1:
        raise ConfigError(f"pairs_per_step must be a positive integer, got {pairs_per_step}.")
    if not lengths:
        raise ConfigError("There are no training rows to make steps of; give labelled questions with passages.")
    empty = next((index for index, row in enumerate(lengths) if not row), None)
    if empty is not None:
        raise ConfigError(f"Training row {empty} has no passage; leave it out.")
