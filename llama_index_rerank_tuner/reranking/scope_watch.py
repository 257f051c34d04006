"""``ScopeWatch``: notices when a reranker ranks among other passages than it was tuned to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.text import CORPUS, GROUP, METADATA, MIXED

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore

CALLS, NODES = 5, 3
"""Whole-corpus candidates are called narrower after so many calls in a row, of at least so many nodes each."""


class ScopeWatch:
    """Compares the candidates of each call with the scope in a checkpoint's contract.

    A reranker tuned within one document and served candidates of several is noticed at the first such call. One tuned
    on the whole corpus and served within one document at a time is noticed after several calls in a row whose
    candidates came from one document each, and not all from the same one: a corpus may have one document only. Nodes
    that name no source document tell nothing, and nor does a scope that mixes several.

    Args:
        scope: ``TextContract.scope``; None watches nothing.

    Example:
        >>> from llama_index.core.schema import NodeWithScore, TextNode
        >>> nodes = [NodeWithScore(node=TextNode(text="fee", metadata={"tenant": tenant})) for tenant in ("a", "b")]
        >>> ScopeWatch("metadata:tenant").other_scope(nodes)
        "candidates have 2 values of 'tenant'"
    """

    def __init__(self, scope: str | None) -> None:
        self.scope = scope or ""
        self._calls, self._documents = 0, set[str]()

    def other_scope(self, nodes: Sequence[NodeWithScore]) -> str | None:
        """What shows that the candidates are of another scope; None where nothing does."""
        if self.scope == CORPUS:
            return self._narrower([each.node.ref_doc_id for each in nodes])
        if self.scope == GROUP:
            return _wider([each.node.ref_doc_id for each in nodes], "come from {} documents")
        if self.scope.startswith(METADATA) and MIXED not in self.scope:
            key = self.scope.removeprefix(METADATA)
            return _wider([each.node.metadata.get(key) for each in nodes], f"have {{}} values of {key!r}")
        return None

    def _narrower(self, documents: Sequence[str | None]) -> str | None:
        first = documents[0] if len(documents) >= NODES else None
        if first is None:
            return None
        if len(set(documents)) > 1:
            self._calls, self._documents = 0, set()
            return None
        self._calls += 1
        self._documents.add(first)
        if self._calls < CALLS or len(self._documents) == 1:
            return None
        return f"the candidates of {self._calls} questions in a row came from one document each"


def _wider(values: Sequence[object], sign: str) -> str | None:
    told = {str(value) for value in values if value is not None}
    return f"candidates {sign.format(len(told))}" if len(told) > 1 else None
