"""``Scope``: among which passages a question's negatives are mined, as the app will serve it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import CORPUS, GROUP, METADATA, MIXED

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode


@dataclass(frozen=True, slots=True)
class Scope:
    """Where negatives are mined: as wide as the app retrieves.

    A reranker that was tuned on negatives from other documents, and then ranks within one document, can become worse
    than before: what told the negatives apart is the same for all candidates there.

    Args:
        parts: Part to its share of a question's negatives. A part is ``corpus`` (all nodes), ``group`` (the question's
            source document) or ``metadata:<key>`` (nodes whose metadata has the question's value under a key, such as a
            tenant; a question that has none in its own metadata takes its first positive's).

    Raises:
        ConfigError: There is no part, a part is unknown, or a share is not positive.

    Example:
        >>> Scope({"corpus": 3, "group": 1}).name
        'corpus 3 + group 1'
        >>> Scope.of("metadata:tenant").name
        'metadata:tenant'
    """

    parts: Mapping[str, float]

    def __post_init__(self) -> None:
        for part, share in self.parts.items():
            if part not in (CORPUS, GROUP) and not (part.startswith(METADATA) and len(part) > len(METADATA)):
                raise ConfigError(f"A scope is 'corpus', 'group' or 'metadata:<key>', got {part!r}.")
            if not 0 < share < math.inf:
                raise ConfigError(f"The share of scope {part!r} must be a positive number, got {share!r}.")
        if not self.parts:
            raise ConfigError("A scope needs a part: 'corpus', 'group' or 'metadata:<key>'.")

    @classmethod
    def of(cls, scope: Scope | str | Mapping[str, float] | None) -> Scope:
        """A scope from one part's name, or from shares by part; None is the whole corpus."""
        if isinstance(scope, Scope):
            return scope
        return cls({scope or CORPUS: 1.0} if scope is None or isinstance(scope, str) else dict(scope))

    @property
    def name(self) -> str:
        """The scope as text, for ``TextContract.scope`` and reports."""
        if len(self.parts) == 1:
            return next(iter(self.parts))
        return MIXED.join(f"{part} {share:g}" for part, share in self.parts.items())


class ScopedNodes:
    """The nodes of one part of a scope, by the value that a question and its nodes share.

    Args:
        part: ``corpus``, ``group`` or ``metadata:<key>``.
        nodes: All the nodes, sorted by id.
        passages: The same nodes as passages.
    """

    def __init__(self, part: str, nodes: Sequence[BaseNode], passages: Sequence[Passage]) -> None:
        self.part = part
        self._value_of = {p.key: self._value(node, p) for node, p in zip(nodes, passages, strict=True)}
        self._nodes: dict[str, list[BaseNode]] = {}
        self._pools: dict[str, list[Passage]] = {}
        for node, passage in zip(nodes, passages, strict=True):
            value = self._value_of[passage.key]
            if value is not None:
                self._nodes.setdefault(value, []).append(node)
                self._pools.setdefault(value, []).append(passage)

    def value(self, example: RerankExample) -> str:
        """The value that a question's negatives must share; empty in the whole corpus.

        Raises:
            DataError: It cannot be known.
        """
        value = self._own_value(example)
        if value is None:
            value = next((v for p in example.positives if (v := self._value_of.get(p.key)) is not None), None)
        if value is None:
            what = "its source document" if self.part == GROUP else f"its {self.part.removeprefix(METADATA)!r}"
            raise DataError(
                example.place,
                f"the scope is {self.part!r}, and {what} is not known",
                "Give the question a group or metadata that says so, or mine in the scope 'corpus'.",
            )
        return value

    def nodes(self, value: str) -> list[BaseNode]:
        """The nodes that have a value, by id."""
        return self._nodes.get(value, [])

    def pool(self, value: str) -> list[Passage]:
        """The same nodes as passages."""
        return self._pools.get(value, [])

    def holds(self, key: str, value: str) -> bool:
        """Whether a node has the value."""
        return self._value_of.get(key) == value

    def _value(self, node: BaseNode, passage: Passage) -> str | None:
        if self.part == CORPUS:
            return ""
        value = passage.group if self.part == GROUP else node.metadata.get(self.part.removeprefix(METADATA))
        return None if value is None else str(value)

    def _own_value(self, example: RerankExample) -> str | None:
        if self.part == CORPUS:
            return ""
        if self.part == GROUP:
            of_positive = next((p.group for p in example.positives if p.group is not None), None)
            value = example.group if example.group is not None else of_positive
        else:
            value = example.metadata.get(self.part.removeprefix(METADATA))
        return None if value is None else str(value)
