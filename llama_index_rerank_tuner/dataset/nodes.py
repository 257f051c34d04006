"""Between the records and LlamaIndex's nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract

EXPECTED = 'Expected {"query": ..., "relevant_ids": [...]}.'

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode, TextNode


def passage_of(node: BaseNode, contract: TextContract) -> Passage:
    """A node as a passage: its content under the contract, its id, and its source document as group."""
    return Passage(contract.content(node), node_id=node.node_id, group=node.ref_doc_id)


def node_of(passage: Passage) -> TextNode:
    """A passage as a node without metadata, so that its text is the same under every metadata mode."""
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

    source = {} if passage.group is None else {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=passage.group)}
    return TextNode(id_=passage.key, text=passage.text, relationships=source)


def examples_of_questions(passages: Sequence[Passage], questions: Iterable[Mapping[str, Any]]) -> list[RerankExample]:
    """Labelled questions over nodes: ``{"query": ..., "relevant_ids": [...]}``, optionally ``query_id`` and ``group``.

    Without a ``group`` a question belongs to the source document of its first relevant node.

    Raises:
        DataError: A question lacks a key, or names a node that is not there.
    """
    by_id = {passage.key: passage for passage in passages}
    return [_example(index, question, by_id) for index, question in enumerate(questions)]


def _example(index: int, question: Mapping[str, Any], by_id: Mapping[str, Passage]) -> RerankExample:
    where = f"question {index}"
    if not isinstance(question, Mapping):
        raise DataError(where, f"a {type(question).__name__} is no question", EXPECTED)
    if not isinstance(question.get("query"), str) or not question["query"].strip():
        raise DataError(where, f'"query" is {question.get("query")!r}', EXPECTED)
    if not isinstance(question.get("relevant_ids"), list | tuple | set) or not question["relevant_ids"]:
        raise DataError(where, f'"relevant_ids" is {question.get("relevant_ids")!r}', EXPECTED)
    unknown = [each for each in question["relevant_ids"] if each not in by_id]
    if unknown:
        raise DataError(where, f"no node has the id {unknown[0]!r}", "Give ids of the nodes that were passed.")
    relevant = [by_id[each] for each in question["relevant_ids"]]
    return RerankExample(
        query_id=str(question.get("query_id", f"q{index}")),
        query=question["query"],
        positives=tuple(Passage(p.text, node_id=p.node_id, label=1.0, group=p.group) for p in relevant),
        group=question.get("group", relevant[0].group),
        where=where,
    )
