"""What a split did: what it kept together, and how near it came to the sizes asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from llama_index_rerank_tuner.dataset.splitting.components import Components, Join

_SHOWN = 3


class SideSize(NamedTuple):
    """A side of a split with the number of questions asked for and given."""

    side: str
    asked: int
    given: int


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What a split kept together and what sizes it gave; ``str()`` is a table.

    Args:
        unit: What is kept whole: ``source document``, or ``query``.
        seed: The seed of the split.
        groups: Number of source documents (or queries); a question without a document counts as one.
        without_document: Questions that name no source document.
        components: Number of components after groups with the same question and answer were joined.
        largest: Sizes of the five largest components, in questions.
        joins: Why groups were joined, one for every two groups that share a question with its answer.
        near: Whether near duplicates were looked for; False where there are too many different texts.
        sizes: The sizes asked for and given, in questions.
        left_out: Questions on no side, where ``train`` was asked for less than what remains.
    """

    unit: str
    seed: int
    groups: int
    without_document: int
    components: int
    largest: tuple[int, ...]
    joins: tuple[Join, ...]
    near: bool
    sizes: tuple[SideSize, ...]
    left_out: int

    def to_dict(self) -> dict[str, Any]:
        """The figures for a JSON report."""
        sizes = {size.side: {"asked": size.asked, "given": size.given} for size in self.sizes}
        return asdict(self) | {"sizes": sizes, "joins": [asdict(join) for join in self.joins]}

    def __str__(self) -> str:
        """A table: sizes first, then what was kept together and why."""
        largest = ", ".join(map(str, self.largest))
        rows = [f"{'side':<8}{'asked':>8}{'given':>8}"]
        rows += [f"{side:<8}{asked:>8}{given:>8}" for side, asked, given in self.sizes]
        rows += [f"{'left out':<8}{'':>8}{self.left_out:>8}"] if self.left_out else []
        rows += [f"kept whole: {self.unit}; {self.groups} in {self.components} components, the largest of {largest}"]
        rows += [f"questions without a source document: {self.without_document}"] if self.without_document else []
        rows += [f"joined for the same question and answer: {len(self.joins)} pairs"] if self.joins else []
        rows += [
            f"  {join.queries[0]!r} of {join.groups[0]} = {join.queries[1]!r} of {join.groups[1]}"
            for join in self._shown
        ]
        rows += [] if self.near else ["too many texts to look for near duplicates: only the same ones were joined"]
        return "\n".join(rows)

    @property
    def _shown(self) -> Sequence[Join]:
        return self.joins[:_SHOWN]


def report_of(
    components: Components, sizes: Sequence[SideSize], unit: str, seed: int, without_document: int
) -> SplitReport:
    """The report on components that were given sides.

    Args:
        components: The components.
        sizes: The sizes asked for and given.
        unit: What is kept whole.
        seed: The seed of the split.
        without_document: Questions that name no source document.
    """
    return SplitReport(
        unit=unit,
        seed=seed,
        groups=sum(map(len, components.members)),
        without_document=without_document,
        components=len(components.members),
        largest=tuple(sorted(components.sizes, reverse=True)[:5]),
        joins=components.joins,
        near=components.near,
        sizes=tuple(sizes),
        left_out=sum(components.sizes) - sum(size.given for size in sizes),
    )
