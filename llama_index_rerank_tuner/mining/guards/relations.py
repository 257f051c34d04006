"""The guard that knows how LlamaIndex's nodes hang together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.mining.guards.guard import KEEP, Decision
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from llama_index_rerank_tuner.dataset import RerankDataset


class RelationsGuard:
    """Drops the positives' own nodes, their ancestors and descendants, neighbours, and overlapping cuts of one source.

    A parent holds the positive's text and a child may be its answering sentence; a neighbour often goes on with the
    answer. An index node stands for the node that it points to. Nodes overlap where their character ranges in one
    source do (``start_char_idx``, ``end_char_idx``) and the shared stretch reads the same in both: LlamaIndex's
    hierarchical parser counts a child's range from its parent's start, though its source is the whole document.

    Args:
        neighbours: Drop the previous and the next node of a positive.
        same_document: Drop everything from a positive's source document. Off, because that is where the hardest
            negatives are, and where a reranker serves that ranks within one document.

    Example:
        >>> from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
        >>> part = TextNode(id_="part", text="The fee is 40.")
        >>> part.relationships[NodeRelationship.PARENT] = RelatedNodeInfo(node_id="whole")
        >>> whole = TextNode(id_="whole", text="Apply by May. The fee is 40.")
        >>> from llama_index_rerank_tuner.dataset import RerankDataset
        >>> dataset = RerankDataset.from_nodes([part, whole], [{"query": "What is the fee?", "relevant_ids": ["part"]}])
        >>> guard = RelationsGuard()
        >>> guard.prepare(dataset, [part, whole])
        >>> guard.decide(dataset[0], [passage for passage in dataset.corpus if passage.key == "whole"])
        [Decision(outcome='drop', reason='parent of a positive')]
    """

    name = "relations"

    def __init__(self, neighbours: bool = True, same_document: bool = False) -> None:
        self.neighbours, self.same_document = neighbours, same_document
        self._nodes: dict[str, BaseNode] = {}

    def prepare(self, dataset: RerankDataset, nodes: Sequence[BaseNode]) -> None:
        """Learn the nodes' relations."""
        self._nodes = {node.node_id: node for node in nodes}

    def decide(self, example: RerankExample, candidates: Sequence[Passage]) -> list[Decision]:
        """Drop what is related to a positive."""
        return [self._decision(example, candidate) for candidate in candidates]

    def _decision(self, example: RerankExample, candidate: Passage) -> Decision:
        related = (relation for positive in example.positives for relation in self._relations(candidate, positive))
        relation = next(related, None)
        return KEEP if relation is None else Decision("drop", relation)

    def _relations(self, candidate: Passage, positive: Passage) -> Iterator[str]:
        ours, theirs = self._target(candidate.key), self._target(positive.key)
        if ours == theirs:
            yield "same node as a positive"
        if ours in self._ancestors(theirs) or theirs in self._related(ours, "CHILD"):
            yield "parent of a positive"
        if theirs in self._ancestors(ours) or ours in self._related(theirs, "CHILD"):
            yield "child of a positive"
        if self.neighbours and (ours in self._neighbours(theirs) or theirs in self._neighbours(ours)):
            yield "neighbour of a positive"
        if self._overlap(ours, theirs):
            yield "overlaps a positive"
        if self.same_document and self._documents(candidate, ours) & self._documents(positive, theirs):
            yield "same document as a positive"

    def _target(self, node_id: str) -> str:
        """The node that an index node points to, any other node itself."""
        return getattr(self._nodes.get(node_id), "index_id", None) or node_id

    def _related(self, node_id: str, relationship: str) -> set[str]:
        """Ids under one of the node's relationships."""
        from llama_index.core.schema import NodeRelationship

        node = self._nodes.get(node_id)
        related = node.relationships.get(NodeRelationship[relationship]) if node is not None else None
        several = related if isinstance(related, list) else [related]
        return {each.node_id for each in several if each is not None}

    def _ancestors(self, node_id: str) -> set[str]:
        """Parent, parent's parent and so on, as far as the nodes are known."""
        found: set[str] = set()
        waiting = self._related(node_id, "PARENT")
        while waiting:
            found |= waiting
            waiting = {above for each in waiting for above in self._related(each, "PARENT")} - found
        return found

    def _neighbours(self, node_id: str) -> set[str]:
        return self._related(node_id, "PREVIOUS") | self._related(node_id, "NEXT")

    def _documents(self, passage: Passage, target: str) -> set[str]:
        node = self._nodes.get(target)
        documents = {passage.group, node.ref_doc_id if node is not None else None}
        return {document for document in documents if document is not None}

    def _overlap(self, first: str, second: str) -> bool:
        ours, theirs = self._nodes.get(first), self._nodes.get(second)
        if ours is None or theirs is None or ours.ref_doc_id is None or ours.ref_doc_id != theirs.ref_doc_id:
            return False
        one, other = _range(ours), _range(theirs)
        if one is None or other is None:
            return False
        start, end = max(one[0], other[0]), min(one[1], other[1])
        return start < end and _read_alike(_stretch(ours, start, end), _stretch(theirs, start, end))


def _range(node: BaseNode) -> tuple[int, int] | None:
    start, end = getattr(node, "start_char_idx", None), getattr(node, "end_char_idx", None)
    return (start, end) if start is not None and end is not None else None


def _stretch(node: BaseNode, start: int, end: int) -> str | None:
    """A stretch of the source as it stands in a node; None where the node's text is no longer what was cut."""
    text, place = getattr(node, "text", ""), _range(node)
    if place is None or len(text) != place[1] - place[0]:
        return None
    return str(text[start - place[0] : end - place[0]])


def _read_alike(first: str | None, second: str | None) -> bool:
    return first is None or second is None or first == second
