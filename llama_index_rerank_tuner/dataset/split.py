"""Splitting by source document, before anything is mined."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index_rerank_tuner.dataset.rerank_dataset import RerankDataset

Size = float | int
"""A share of the questions (a float under 1) or a number of questions (an int)."""


@dataclass(frozen=True, slots=True)
class Split:
    """A data set cut in three, no group on two sides.

    ``train.corpus`` holds only what training may see: no passage that belongs to, or is positive for, a validation or
    test group. The corpora of ``val`` and ``test`` are whole, because that is what the retriever searches.
    """

    train: RerankDataset
    val: RerankDataset
    test: RerankDataset


def group_of(example: RerankExample) -> str:
    """The group a split keeps together: the source document, or the question itself where there is none."""
    return example.group if example.group is not None else f"query:{example.query_id}"


def assign_groups(examples: Sequence[RerankExample], val: Size, test: Size, seed: int) -> dict[str, str]:
    """Give every group a side, filling test, then validation, with shuffled whole groups until each has its size.

    Returns:
        Group to ``train``, ``val`` or ``test``.

    Raises:
        ConfigError: The sizes leave nothing to train on.
        DataError: There are too few groups for three sides.
    """
    wanted = {"test": _count(test, len(examples)), "val": _count(val, len(examples))}
    if sum(wanted.values()) >= len(examples):
        raise ConfigError(f"val={val} and test={test} leave none of the {len(examples)} questions to train on.")
    sizes: dict[str, int] = {}
    for example in examples:
        sizes[group_of(example)] = sizes.get(group_of(example), 0) + 1
    groups = sorted(sizes)
    random.Random(seed).shuffle(groups)
    sides, filled = {}, {"test": 0, "val": 0}
    for group in groups:
        side = next((each for each in ("test", "val") if filled[each] < wanted[each]), "train")
        sides[group] = side
        filled[side] = filled.get(side, 0) + sizes[group]
    if not filled.get("train"):
        raise DataError("split", f"{len(groups)} groups are too few for three sides", "Add source documents.")
    return sides


def _count(size: Size, total: int) -> int:
    if size < 0 or (isinstance(size, float) and size >= 1):
        raise ConfigError(f"A split size is a share under 1 or a number of questions, got {size!r}.")
    return round(size * total) if isinstance(size, float) else size


def training_corpus(corpus: Iterable[Passage], held_out: Sequence[RerankExample]) -> tuple[Passage, ...]:
    """The passages that training may see: none of a held-out group, none that answers a held-out question."""
    groups = {example.group for example in held_out if example.group is not None}
    answers = {passage.key for example in held_out for passage in example.positives}
    return tuple(p for p in corpus if p.key not in answers and (p.group is None or p.group not in groups))
