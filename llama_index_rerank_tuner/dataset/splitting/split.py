"""Splitting by source document, before anything is mined."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from llama_index_rerank_tuner.dataset.splitting.components import Components, join_groups
from llama_index_rerank_tuner.dataset.splitting.report import SideSize, SplitReport, report_of
from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index_rerank_tuner.dataset.rerank_dataset import RerankDataset

Size = float | int
"""A share of the questions (a float under 1) or a number of questions (an int)."""

SplitBy = Literal["group", "query"]
"""What a split keeps whole: the source document, or only the question."""

_LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Split:
    """A data set cut in three, no group on two sides, nor any question with its answer.

    ``train.corpus`` holds only what training may see: no passage that belongs to, or is positive for, a validation or
    test group. The corpora of ``val`` and ``test`` are whole, because that is what the retriever searches.

    Args:
        train: What to learn from.
        val: What to choose the checkpoint on.
        test: What the verdict rests on.
        report: What was kept together, and how near the sizes came to those asked for.
    """

    train: RerankDataset
    val: RerankDataset
    test: RerankDataset
    report: SplitReport


def group_of(example: RerankExample) -> str:
    """The group a split keeps together: the source document, or the question itself where there is none."""
    return example.group if example.group is not None else f"query:{example.query_id}"


def assign_sides(
    examples: Sequence[RerankExample], train: Size | None, val: Size, test: Size, by: SplitBy, seed: int
) -> tuple[list[str], SplitReport]:
    """Give every question a side.

    Groups that hold the same question with the same answer are joined (``join_groups``). The components are shuffled
    and fill test, then validation, then a limited training side: each that still fits, then the smallest one left where
    that comes nearer to the size asked for. So test and validation miss their sizes by at most half of the largest
    component, except that a side that would stay empty gets the smallest component of another.

    Returns:
        ``train``, ``val``, ``test`` or ``left out`` for each question, and the report.

    Raises:
        ConfigError: The sizes leave nothing to train on, or ask for more than there is, or ``by`` is neither.
        DataError: There are too few components for the sides.
    """
    if by not in ("group", "query"):
        raise ConfigError(f'by must be "group" or "query", got {by!r}.')
    wanted = _wanted(train, val, test, len(examples))
    nameless = sum(example.group is None for example in examples)
    whole = by == "group" and nameless < len(examples)
    groups = [group_of(example) if whole else f"query:{example.query_id}" for example in examples]
    components = join_groups(examples, groups)
    members = _assign(components, wanted, seed)
    side_of = {group: side for side, chosen in members.items() for c in chosen for group in components.members[c]}
    sides = [side_of[group] for group in groups]
    asked = wanted | {"train": len(examples) - sum(wanted.values())} if "train" not in wanted else wanted
    sizes = [SideSize(side, asked[side], sides.count(side)) for side in ("train", "val", "test")]
    unit = "source document" if whole else "query"
    return sides, report_of(components, sizes, unit, seed, nameless)


def _assign(components: Components, wanted: Mapping[str, int], seed: int) -> dict[str, list[int]]:
    """Give every component (by its place) a side; training gets the rest where it has no size of its own."""
    waiting = list(range(len(components.sizes)))
    random.Random(seed).shuffle(waiting)
    members: dict[str, list[int]] = {}
    for side in ("test", "val", "train"):
        chosen = _nearest(waiting, components.sizes, wanted[side]) if side in wanted else set(waiting)
        members[side] = [place for place in waiting if place in chosen]
        waiting = [place for place in waiting if place not in chosen]
    members[_LEFT_OUT] = waiting
    _fill_empty_sides(members, [side for side in ("train", "test", "val") if wanted.get(side, 1)], components)
    return members


def _nearest(waiting: Sequence[int], sizes: Sequence[int], wanted: int) -> set[int]:
    """Components whose sizes come near to a number: each that fits, then the smallest left if over is nearer."""
    chosen, missing = set(), wanted
    for place in waiting:
        if sizes[place] <= missing:
            chosen.add(place)
            missing -= sizes[place]
    left = [place for place in waiting if place not in chosen]
    smallest = min(left, key=lambda place: sizes[place], default=None)
    if smallest is not None and sizes[smallest] - missing < missing:
        chosen.add(smallest)
    return chosen


def _fill_empty_sides(members: dict[str, list[int]], sides: Sequence[str], components: Components) -> None:
    """Give a side that got nothing the smallest component that another can spare."""
    if len(components.members) < len(sides):
        joined = f", because groups that share a question with its answer are joined: {len(components.joins)} pairs"
        problem = f"there are too few groups for {len(sides)} sides{joined if components.joins else ''}"
        raise DataError("split", problem, "Add source documents.")
    for side in sides:
        if not members[side]:
            giver = _giver(members)
            smallest = min(members[giver], key=lambda place: components.sizes[place])
            members[giver].remove(smallest)
            members[side].append(smallest)


def _giver(members: dict[str, list[int]]) -> str:
    """Who can spare a component: what is left out, then training, so that the sizes of the others hold."""
    if members[_LEFT_OUT]:
        return _LEFT_OUT
    return "train" if len(members["train"]) > 1 else max(members, key=lambda each: len(members[each]))


def _wanted(train: Size | None, val: Size, test: Size, total: int) -> dict[str, int]:
    """Number of questions for each side; ``train`` is missing where it gets whatever remains."""
    wanted = {"test": _count(test, total), "val": _count(val, total)}
    if train is None:
        if sum(wanted.values()) >= total:
            asked = f"val={val} and test={test} leave none of the {total} questions to train on."
            raise ConfigError(f"{asked} Give more questions, or smaller sides.")
        return wanted
    wanted["train"] = _count(train, total)
    shares = [size for size in (train, val, test) if isinstance(size, float)]
    remaining = total - wanted["test"] - wanted["val"]
    # Shares that add up to the whole leave nothing out, however their numbers were rounded.
    if len(shares) == 3 and abs(sum(shares) - 1) < 1e-9 and remaining > 0:
        del wanted["train"]
    elif wanted["train"] > remaining:
        raise ConfigError(
            f"train={train}, val={val} and test={test} ask for more than the {total} questions there are."
        )
    return wanted


def _count(size: Size, total: int) -> int:
    if not size >= 0 or (isinstance(size, float) and size >= 1):
        raise ConfigError(f"A split size is a share under 1 or a number of questions, got {size!r}.")
    if isinstance(size, int):
        return size
    return max(1, round(size * total)) if size else 0


def training_corpus(
    corpus: Iterable[Passage], held_out: Sequence[RerankExample], whole_groups: bool = True
) -> tuple[Passage, ...]:
    """The passages that training may see: none of a held-out group, none whose text answers a held-out question.

    Args:
        corpus: All passages.
        held_out: The validation and test questions.
        whole_groups: Leave out every passage of a held-out group; False where a split cuts through groups.
    """
    groups = {example.group for example in held_out if whole_groups and example.group is not None}
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
