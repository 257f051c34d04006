"""A paper's questions as examples: positives from the evidence of all annotators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset.nodes import passage_of
from llama_index_rerank_tuner.dataset.qasper.evidence import Match, match_evidence
from llama_index_rerank_tuner.dataset.qasper.report import QasperReport, UnmatchedEvidence
from llama_index_rerank_tuner.dataset.qasper.schema import Paper, Question, squeeze
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from llama_index.core.schema import TextNode


def paper_examples(
    paper: Paper, nodes: Sequence[TextNode], contract: TextContract, report: QasperReport
) -> list[RerankExample]:
    """The questions that have text evidence.

    Args:
        paper: The paper.
        nodes: Its nodes.
        contract: How a node becomes text.
        report: Counts what is kept and left out.
    """
    by_text = {squeeze(node.text): node.node_id for node in nodes}
    passages = {node.node_id: passage_of(node, contract) for node in nodes}
    examples = []
    for question in paper.questions:
        report.questions += 1
        agreement = _agreement(question, by_text, report)
        if agreement:
            examples.append(_example(paper, question, agreement, passages))
            report.kept_questions += 1
            report.several_annotators += len(question.annotations) > 1
    return examples


def _agreement(question: Question, by_text: Mapping[str, str], report: QasperReport) -> Counter[str]:
    """How many annotators chose each node. Where nobody chose any, the reason is counted."""
    chosen: Counter[str] = Counter()
    ways: set[str] = set()
    for annotation in question.annotations:
        if annotation.unanswerable:
            continue
        matches = [(each, match_evidence(each, by_text)) for each in annotation.evidence]
        chosen.update({node_id for _, match in matches for node_id in match.node_ids})
        ways |= {match.way for _, match in matches}
        _count(question, matches, report)
    if not chosen:
        _count_left_out(question, ways, report)
    return chosen


def _count(question: Question, matches: Sequence[tuple[str, Match]], report: QasperReport) -> None:
    for text, match in matches:
        report.evidence[match.way] = report.evidence.get(match.way, 0) + 1
        if match.way == "no paragraph":
            report.unmatched.append(UnmatchedEvidence(question.where, squeeze(text)[:80]))


def _count_left_out(question: Question, ways: set[str], report: QasperReport) -> None:
    if question.annotations and all(each.unanswerable for each in question.annotations):
        report.unanswerable_questions += 1
    elif "no paragraph" in ways:
        report.unmatched_questions += 1
    elif ways:
        report.figure_questions += 1
    else:
        report.questions_without_evidence += 1


def _example(
    paper: Paper, question: Question, agreement: Mapping[str, int], passages: Mapping[str, Passage]
) -> RerankExample:
    in_order = [passage for node_id, passage in passages.items() if node_id in agreement]
    kinds = [each.kind for each in question.annotations]
    return RerankExample(
        query_id=question.question_id,
        query=question.text,
        positives=tuple(Passage(each.text, each.node_id, label=1.0, group=each.group) for each in in_order),
        group=paper.paper_id,
        metadata={
            "annotators": len(question.annotations),
            "agreement": {each.key: agreement[each.key] for each in in_order},
            "answers": sorted(set(kinds)),
        },
        where=question.where,
    )
