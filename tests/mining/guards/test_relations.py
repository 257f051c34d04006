"""Nodes that hang together with a positive in LlamaIndex."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from llama_index.core.schema import BaseNode, IndexNode, NodeRelationship, RelatedNodeInfo, TextNode

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.mining.guards import RelationsGuard
from llama_index_rerank_tuner.records import Passage, RerankExample

SOURCE = "Apply by May. The fee is 40 crowns. Children pay nothing. Dogs are free."


def _node(key: str, text: str, start: int | None = None, source: str | None = "doc", **relations: str) -> TextNode:
    related = {NodeRelationship[name]: RelatedNodeInfo(node_id=other) for name, other in relations.items()}
    if source is not None:
        related[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=source)
    end = None if start is None else start + len(text)
    return TextNode(id_=key, text=text, start_char_idx=start, end_char_idx=end, relationships=related)


def _reasons(guard: RelationsGuard, nodes: Sequence[BaseNode], positive: str) -> dict[str, str]:
    """Node id to the reason for which it is dropped as a negative, for a question that one node answers."""
    dataset = RerankDataset.build([RerankExample("q", "What is the fee?", (Passage("40", node_id=positive),))])
    guard.prepare(dataset, nodes)
    candidates = [Passage(node.get_content(), node_id=node.node_id, group=node.ref_doc_id) for node in nodes]
    decisions = guard.decide(dataset[0], candidates)
    return {node.node_id: each.reason for node, each in zip(nodes, decisions, strict=True) if each.outcome == "drop"}


def test_neighbours_are_found_from_either_side_and_can_be_left_in() -> None:
    nodes = [
        _node("before", "a", NEXT="fee"),
        _node("fee", "b", NEXT="after"),
        _node("after", "c"),
        _node("later", "d", PREVIOUS="after"),
    ]
    neighbours = {"before": "neighbour of a positive", "after": "neighbour of a positive"}
    same = {"fee": "same node as a positive"}
    assert _reasons(RelationsGuard(), nodes, "fee") == neighbours | same
    assert _reasons(RelationsGuard(neighbours=False), nodes, "fee") == same


def test_ancestors_and_descendants_are_dropped_and_siblings_are_not() -> None:
    page = _node("page", "abc")
    page.relationships[NodeRelationship.CHILD] = [RelatedNodeInfo(node_id="section")]
    nodes = [page, _node("section", "ab", PARENT="page"), _node("fee", "a", PARENT="section")]
    nodes += [_node("sibling", "b", PARENT="section"), _node("answer", "a", PARENT="fee")]
    assert _reasons(RelationsGuard(), nodes, "fee") == {
        "page": "parent of a positive",
        "section": "parent of a positive",
        "fee": "same node as a positive",
        "answer": "child of a positive",
    }


def test_a_positive_that_is_not_among_the_nodes_is_known_by_its_id() -> None:
    assert _reasons(RelationsGuard(), [_node("after", "c", PREVIOUS="fee")], "fee") == {
        "after": "neighbour of a positive"
    }


def test_nodes_that_name_each_other_as_parents_end() -> None:
    nodes = [_node("one", "a", PARENT="two"), _node("two", "b", PARENT="one"), _node("far", "c")]
    assert _reasons(RelationsGuard(), nodes, "far") == {"far": "same node as a positive"}


def test_an_index_node_stands_for_the_node_that_it_points_to() -> None:
    nodes = [_node("fee", "a"), IndexNode(id_="summary", text="about the fee", index_id="fee")]
    assert set(_reasons(RelationsGuard(), nodes, "fee")) == {"fee", "summary"}
    assert set(_reasons(RelationsGuard(), nodes, "summary")) == {"fee", "summary"}


@pytest.mark.parametrize(
    ("start", "text", "source", "overlaps"),
    [
        (14, SOURCE[14:40], "doc", True),
        (0, SOURCE[:15], "doc", True),
        (0, SOURCE[:14], "doc", False),
        (35, SOURCE[35:50], "doc", False),
        (14, SOURCE[14:40], "another", False),
        (14, SOURCE[14:40], None, False),
        (None, SOURCE[14:40], "doc", False),
        (14, "what else was written there", "doc", False),
    ],
)
def test_overlapping_cuts_of_one_source_are_dropped(
    start: int | None, text: str, source: str | None, overlaps: bool
) -> None:
    nodes = [_node("fee", SOURCE[14:35], 14), _node("cut", text, start, source)]
    assert ("cut" in _reasons(RelationsGuard(), nodes, "fee")) is overlaps


def test_a_range_is_believed_where_the_text_was_changed_since() -> None:
    nodes = [_node("fee", SOURCE[14:35], 14), _node("cut", SOURCE[14:40], 14)]
    nodes[1].text = "the fee, in short"
    assert _reasons(RelationsGuard(), nodes, "fee")["cut"] == "overlaps a positive"


def test_chinese_cuts_overlap_by_characters() -> None:
    text = "申请费四十元，五月底前缴纳。儿童免费。"
    nodes = [_node("fee", text[:14], 0), _node("cut", text[7:], 7), _node("rest", text[14:], 14)]
    assert set(_reasons(RelationsGuard(), nodes, "fee")) == {"fee", "cut"}


def test_ranges_counted_from_a_parent_are_not_taken_for_overlaps() -> None:
    # As HierarchicalNodeParser makes them: a leaf's range starts at its parent, its source is the whole document.
    nodes = [
        _node("first half", SOURCE[:36], 0),
        _node("second half", SOURCE[36:], 36),
        _node("apply", SOURCE[:13], 0, PARENT="first half"),
        _node("fee", SOURCE[14:35], 14, PARENT="first half"),
        _node("children", SOURCE[36:57], 0, PARENT="second half"),
        _node("dogs", SOURCE[58:], 22, PARENT="second half"),
    ]
    assert _reasons(RelationsGuard(), nodes, "fee") == {
        "first half": "parent of a positive",
        "fee": "same node as a positive",
    }
    assert _reasons(RelationsGuard(), nodes, "dogs") == {
        "second half": "parent of a positive",
        "dogs": "same node as a positive",
    }


def test_the_rest_of_the_document_is_dropped_only_where_that_is_asked_for() -> None:
    nodes = [
        _node("fee", "a"),
        _node("far", "b"),
        _node("stranger", "c", source="other"),
        _node("lone", "d", None, None),
    ]
    assert set(_reasons(RelationsGuard(), nodes, "fee")) == {"fee"}
    assert _reasons(RelationsGuard(same_document=True), nodes, "fee") == {
        "fee": "same node as a positive",
        "far": "same document as a positive",
    }


def test_the_document_is_known_from_the_passages_alone() -> None:
    example = RerankExample("q", "What is the fee?", (Passage("40", node_id="a", group="doc"),))
    candidates = [Passage("b", node_id="b", group="doc"), Passage("c", node_id="c", group="x"), Passage("d")]
    outcomes = [each.outcome for each in RelationsGuard(same_document=True).decide(example, candidates)]
    assert outcomes == ["drop", "keep", "keep"]
