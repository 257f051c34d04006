"""A paper's abstract and paragraphs as LlamaIndex nodes, in order and linked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset.qasper.report import QasperReport
from llama_index_rerank_tuner.dataset.qasper.schema import Paper, Paragraph, squeeze

if TYPE_CHECKING:
    from llama_index.core.schema import TextNode

METADATA_KEYS = ("paper", "title", "section")
ABSTRACT = "abstract"


def paper_nodes(paper: Paper, metadata_in_text: Sequence[str], report: QasperReport) -> list[TextNode]:
    """One node for the abstract and one for each paragraph; empty and repeated ones are left out and counted.

    Args:
        paper: The paper.
        metadata_in_text: Which of ``paper``, ``title`` and ``section`` stand in the text that retrievers and
            rerankers read.
        report: Counts what is kept and left out.
    """
    nodes = [_node(paper, each, metadata_in_text) for each in _distinct(paper, report)]
    _link(nodes)
    return nodes


def _distinct(paper: Paper, report: QasperReport) -> list[Paragraph]:
    """The abstract and the paragraphs, each text once."""
    kept: dict[str, Paragraph] = {}
    if paper.abstract:
        kept[squeeze(paper.abstract)] = Paragraph(ABSTRACT, "Abstract", paper.abstract)
    report.abstracts += len(kept)
    for paragraph in paper.paragraphs:
        text = squeeze(paragraph.text)
        report.empty_paragraphs += not text
        report.repeated_paragraphs += text in kept
        report.paragraphs += bool(text) and text not in kept
        if text:
            kept.setdefault(text, paragraph)
    return list(kept.values())


def _node(paper: Paper, paragraph: Paragraph, metadata_in_text: Sequence[str]) -> TextNode:
    from llama_index.core.schema import NodeRelationship, ObjectType, RelatedNodeInfo, TextNode

    metadata = {"paper": paper.paper_id, "title": paper.title, "section": paragraph.section}
    source = RelatedNodeInfo(node_id=paper.paper_id, node_type=ObjectType.DOCUMENT, metadata={"title": paper.title})
    return TextNode(
        id_=f"{paper.paper_id}#{paragraph.place}",
        text=paragraph.text.strip(),
        metadata=metadata,
        excluded_embed_metadata_keys=[key for key in metadata if key not in metadata_in_text or not metadata[key]],
        excluded_llm_metadata_keys=[key for key in metadata if key == "paper" or not metadata[key]],
        relationships={NodeRelationship.SOURCE: source},
    )


def _link(nodes: Sequence[TextNode]) -> None:
    """Tell every node of the paper its neighbours."""
    from llama_index.core.schema import NodeRelationship

    for earlier, later in pairwise(nodes):
        earlier.relationships[NodeRelationship.NEXT] = later.as_related_node_info()
        later.relationships[NodeRelationship.PREVIOUS] = earlier.as_related_node_info()
