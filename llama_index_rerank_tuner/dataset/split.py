"""Splitting by source document, before anything is mined."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
    members: dict[str, list[str]] = {"test": [], "val": [], "train": []}
    for group in groups:
        open_sides = [s for s in wanted if sum(sizes[g] for g in members[s]) < wanted[s] and sizes[group] <= wanted[s]]
        members[open_sides[0] if open_sides else "train"].append(group)
    _fill_empty_sides(members, [side for side in ("train", "test", "val") if wanted.get(side, 1)], sizes)
    return {group: side for side, assigned in members.items() for group in assigned}


def _fill_empty_sides(members: dict[str, list[str]], sides: Sequence[str], sizes: dict[str, int]) -> None:
    """Give a side that got nothing the smallest group of the side that has most groups."""
    if sum(map(len, members.values())) < len(sides):
        raise DataError("split", f"there are too few groups for {len(sides)} sides", "Add source documents.")
    for side in sides:
        if not members[side]:
            giver = max(members, key=lambda each: len(members[each]))
            smallest = min(members[giver], key=lambda group: sizes[group])
            members[giver].remove(smallest)
            members[side].append(smallest)


def _count(size: Size, total: int) -> int:
    if not size >= 0 or (isinstance(size, float) and size >= 1):
        raise ConfigError(f"A split size is a share under 1 or a number of questions, got {size!r}.")
    if isinstance(size, int):
        return size
    return max(1, round(size * total)) if size else 0


def training_corpus(corpus: Iterable[Passage], held_out: Sequence[RerankExample]) -> tuple[Passage, ...]:
    """The passages that training may see: none of a held-out group, none whose text answers a held-out question."""
    groups = {example.group for example in held_out if example.group is not None}
    answers = {passage.text for example in held_out for passage in example.positives}
    return tuple(p for p in corpus if p.text not in answers and (p.group is None or p.group not in groups))


def teachable(examples: Iterable[RerankExample], corpus: Iterable[Passage]) -> tuple[RerankExample, ...]:
    """The training questions without the negatives and candidates that training may not see."""
    allowed = {passage.key for passage in corpus}

    def kept(passages: tuple[Passage, ...]) -> tuple[Passage, ...]:
        return tuple(passage for passage in passages if passage.key in allowed)

    return tuple(
        replace(
            example,
            negatives=kept(example.negatives),
            candidates=None if example.candidates is None else kept(example.candidates),
        )
        for example in examples
    )
