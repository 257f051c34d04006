"""Questions without an LLM: from headings and phrases, and labelled as what they are."""

from __future__ import annotations

import pytest
from llama_index.core.schema import TextNode

from llama_index_rerank_tuner.dataset import load_handbook
from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.questions import heuristic_queries
from llama_index_rerank_tuner.questions.headings import heading_of
from llama_index_rerank_tuner.questions.key_phrases import chinese_phrases

NODES = [
    TextNode(id_="a", text="# Parking permits\nA residents permit costs 40 crowns. Ask the harbour office."),
    TextNode(id_="b", text="The dog licence is due in March; the harbour office sends it.", metadata={"title": "Dogs"}),
    TextNode(id_="c", text="企业研发费用可以加计扣除,需在五月底前向税务机关申报。"),
    TextNode(id_="d", text="1, 2, 3."),
]


def test_headings_and_phrases_become_questions_of_their_own_node() -> None:
    dataset, report = heuristic_queries(NODES)
    by_node = {node: [e.query for e in dataset if e.positives[0].node_id == node] for node in "abcd"}
    assert all("Parking permits" in question for question in by_node["a"])
    assert all("Dogs" in question for question in by_node["b"])
    assert "harbour office sends" in by_node["b"][1]
    assert [len(questions) for questions in by_node.values()] == [2, 2, 2, 0]
    assert "税务机关" in "".join(by_node["c"])
    assert "需在" not in "".join(by_node["c"])
    assert "可以" not in "".join(by_node["c"])
    assert report.nothing_to_ask == ["d"]


def test_they_are_labelled_as_heuristic_in_the_data_set_and_the_report() -> None:
    dataset, report = heuristic_queries(NODES)
    assert {example.metadata["source"] for example in dataset} == {"heuristic"}
    assert [example.metadata["language"] for example in dataset] == ["en"] * 4 + ["zh"] * 2
    assert report.source == "heuristic"
    assert "do not judge a reranker by them" in str(report)


def test_the_same_seed_gives_the_same_questions() -> None:
    first, _ = heuristic_queries(NODES, seed=1)
    assert heuristic_queries(NODES, seed=1)[0] == first
    assert any(heuristic_queries(NODES, seed=seed)[0] != first for seed in range(5))


def test_the_handbook_gets_questions_for_every_passage() -> None:
    nodes = load_handbook().nodes()
    dataset, report = heuristic_queries(nodes)
    assert report.nothing_to_ask == []
    assert {p.node_id for e in dataset for p in e.positives} == {node.node_id for node in nodes}
    assert len(dataset) + report.duplicates == 2 * len(nodes)


def test_chinese_phrases_are_things_not_deeds() -> None:
    [phrases] = chinese_phrases(["低于上述标准的,不得享受优惠,应当计入当期费用,按百分之五征收。"], 10)
    assert "优惠" in phrases
    assert not {"低于", "享受", "计入", "不得"} & set(phrases)


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("Fees\n\nA permit costs 40 crowns.", "Fees"),
        ("# Fees", "Fees"),
        ("Fees", None),
        ("A permit costs 40 crowns.\nAsk the office.", None),
        ("第三章 费用\n企业承担费用。", "第三章 费用"),
        ("企业承担费用。\n第二条", None),
        ("12.\nText", None),
        ("", None),
    ],
)
def test_what_a_heading_is(text: str, heading: str | None) -> None:
    assert heading_of(TextNode(text=text)) == heading


def test_nothing_to_make_questions_of_is_an_error() -> None:
    with pytest.raises(DataError, match="no question came of them"):
        heuristic_queries(NODES[3:])
    with pytest.raises(ConfigError, match="per_node"):
        heuristic_queries(NODES, per_node=0)
