"""``RerankDataset``: its constructors' checks, its corpus, and its nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract


def _node(node_id: str, text: str, source: str | None = None, **metadata: str) -> TextNode:
    relations = {} if source is None else {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)}
    return TextNode(id_=node_id, text=text, metadata=metadata, relationships=relations)


NODES = [
    _node("n1", "Firms under 50 staff may apply.", "rules.pdf", title="Grants"),
    _node("n2", "表格是 AP-2。", "forms.pdf"),
]


def test_a_passage_without_an_id_gets_the_same_one_every_time() -> None:
    first, again = (RerankDataset.from_records([{"query": "q", "pos": ["文本 text"]}]) for _ in range(2))
    assert first == again
    assert first.corpus[0].node_id == first[0].positives[0].node_id
    assert first.corpus[0].node_id not in (None, "", "文本 text")


def test_the_corpus_holds_every_passage_once_in_order_and_without_labels() -> None:
    example = RerankExample(
        "q0",
        "q",
        positives=(Passage("p", "p", label=2.0, teacher_score=1.5),),
        negatives=(Passage("n", "n", label=0.0), Passage("extra", "e")),
        candidates=(Passage("c", "c"), Passage("p", "p")),
    )
    dataset = RerankDataset.build([example], corpus=[Passage("extra", "e", group="g"), Passage("more", "m")])
    assert dataset.corpus == (
        Passage("extra", "e", group="g"),
        Passage("more", "m"),
        Passage("p", "p"),
        Passage("n", "n"),
        Passage("c", "c"),
    )


def test_a_source_document_is_kept_whichever_mention_of_the_passage_gives_it() -> None:
    records = [
        {"query": "a", "pos": ["p"], "neg": ["shared"], "pos_ids": ["p"], "neg_ids": ["s"]},
        {"query": "b", "pos": ["shared"], "pos_ids": ["s"], "pos_groups": ["forms.pdf"]},
    ]
    groups = {passage.node_id: passage.group for passage in RerankDataset.from_records(records).corpus}
    assert groups == {"p": None, "s": "forms.pdf"}


def test_one_id_for_two_texts_is_refused() -> None:
    record = {"query": "q", "pos": ["first text"], "pos_ids": ["n1"], "neg": ["second text"], "neg_ids": ["n1"]}
    with pytest.raises(DataError, match=r"'n1': the id stands for two texts .*first text.*second text.*id of its own"):
        RerankDataset.from_records([record])


def test_the_same_query_id_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"query 'q0' \('second'\): the query id 'q0' stands twice"):
        RerankDataset.build([RerankExample("q0", "first"), RerankExample("q0", "second")])


def test_a_data_set_without_a_question_is_refused() -> None:
    with pytest.raises(DataError, match=r"it holds no question\. Give at least one query"):
        RerankDataset.build([], corpus=[Passage("text")])


def test_a_question_without_a_positive_is_named_when_positives_are_required(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [{"query": "a", "pos": ["p"]}, {"query": "b", "pos": [], "neg": ["n"]}]
    RerankDataset.from_records(records[:1]).require_positives()
    with pytest.raises(DataError, match=r"dataset record 1: the query has no positive passage\. Give it one"):
        RerankDataset.from_records(records).require_positives()


def test_length_iteration_and_slices_keep_the_corpus() -> None:
    dataset = RerankDataset.from_records([{"query": q, "pos": [f"{q} text"], "query_id": q} for q in "abc"])
    assert len(dataset) == 3
    assert [example.query_id for example in dataset] == ["a", "b", "c"]
    assert dataset[-1].query_id == "c"
    assert [example.query_id for example in dataset[1:]] == ["b", "c"]
    assert dataset[1:].corpus == dataset.corpus
    assert dataset.with_examples([]).corpus == dataset.corpus


def test_one_question_is_a_data_set() -> None:
    dataset = RerankDataset.from_records([{"query": "谁？", "passage": "企业。", "score": 1}])
    assert (len(dataset), len(dataset.corpus), dataset[0].positives[0].text) == (1, 1, "企业。")


def test_labelled_questions_over_nodes_take_text_id_and_source_from_them() -> None:
    dataset = RerankDataset.from_nodes(NODES, [{"query": "Who may apply?", "relevant_ids": ["n1"]}])
    assert dataset.contract == TextContract()
    assert dataset.corpus == (
        Passage("title: Grants\n\nFirms under 50 staff may apply.", "n1", group="rules.pdf"),
        Passage("表格是 AP-2。", "n2", group="forms.pdf"),
    )
    example = dataset[0]
    assert (example.query_id, example.group, example.qrels) == ("q0", "rules.pdf", {"n1": 1})
    bare = RerankDataset.from_nodes(NODES, [{"query": "q", "relevant_ids": ["n1"]}], TextContract("none"))
    assert bare.corpus[0].text == "Firms under 50 staff may apply."


def test_a_question_may_bring_its_own_id_and_group() -> None:
    question = {"query": "q", "relevant_ids": ["n2", "n1"], "query_id": 12, "group": "tickets"}
    example = RerankDataset.from_nodes(NODES, [question])[0]
    assert (example.query_id, example.group) == ("12", "tickets")
    assert [passage.node_id for passage in example.positives] == ["n2", "n1"]


def test_the_nodes_handed_in_are_not_changed() -> None:
    node = _node("n1", "text", "a.pdf", title="t")
    before = node.model_dump()
    RerankDataset.from_nodes([node], [{"query": "q", "relevant_ids": ["n1"]}]).nodes()
    assert node.model_dump() == before


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ({"relevant_ids": ["n1"]}, '"query" is None'),
        ({"query": "", "relevant_ids": ["n1"]}, "\"query\" is ''"),
        ({"query": "q"}, '"relevant_ids" is None'),
        ({"query": "q", "relevant_ids": []}, '"relevant_ids" is []'),
        ({"query": "q", "relevant_ids": ["n1", "n9"]}, "no node has the id 'n9'"),
        ({"query": "q", "relevant_ids": 1}, "relevant_ids"),
        ({"query": 5, "relevant_ids": ["n1"]}, "query"),
        ("Who may apply?", ""),
    ],
)
def test_a_question_that_cannot_be_used_is_named_by_its_number(question: Any, problem: str) -> None:
    with pytest.raises(DataError) as raised:
        RerankDataset.from_nodes(NODES, [{"query": "ok", "relevant_ids": ["n1"]}, question])
    assert raised.value.where == "question 1"
    assert problem in raised.value.problem


def test_the_corpus_as_nodes_reads_the_same_under_every_metadata_mode() -> None:
    dataset = RerankDataset.from_nodes(NODES, [{"query": "q", "relevant_ids": ["n1"]}])
    for passage, node in zip(dataset.corpus, dataset.nodes(), strict=True):
        assert (node.node_id, node.ref_doc_id) == (passage.node_id, passage.group)
        assert {node.get_content(metadata_mode=mode) for mode in MetadataMode} == {passage.text}


def test_load_knows_a_folder_a_triples_file_and_a_groups_file(tmp_path: Path) -> None:
    expected = RerankDataset.from_records([{"query": "q", "pos": ["p"], "neg": ["n"]}])
    expected.to_triples(tmp_path / "triples.jsonl")
    expected.to_groups(tmp_path / "groups.jsonl")
    records = [json.loads(line) for line in (tmp_path / "groups.jsonl").read_text(encoding="utf-8").splitlines()]
    (tmp_path / "groups.json").write_text(json.dumps(records), encoding="utf-8")
    for name in ("triples.jsonl", "groups.jsonl", "groups.json"):
        assert RerankDataset.load(str(tmp_path / name)) == expected
    with pytest.raises(DataError, match="it holds no data set that is known"):
        RerankDataset.load(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        RerankDataset.load(tmp_path / "missing.jsonl")
