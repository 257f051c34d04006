"""Corpora of one and two documents, of identical documents, of empty texts; queries that find nothing; any order."""

from __future__ import annotations

import random

import pytest
from llama_index.core.schema import TextNode

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
from tests.mining.stand_ins import NODES, Listed, descending, ids, questions, unguarded


def _nodes(*texts: str) -> list[TextNode]:
    return [TextNode(id_=f"n{i}", text=text) for i, text in enumerate(texts)]


def _mine(nodes: list[TextNode], query: str = "the fee") -> tuple[list[str], HardNegativeDatasetGenerator]:
    dataset = RerankDataset.build([RerankExample("q", query, (Passage(nodes[0].text, "n0", 1.0),))])
    generator = unguarded(nodes, {"bm25": BM25JiebaRetriever(nodes, 30)})
    return ids(generator.generate(dataset)), generator


def test_no_document_is_refused() -> None:
    with pytest.raises(ConfigError, match="no nodes"):
        unguarded([], BM25JiebaRetriever([]))


def test_the_only_document_is_the_positive_and_no_negative_is_made_up() -> None:
    negatives, generator = _mine(_nodes("the fee is 40"))
    assert negatives == []
    assert generator.report.short == 1


def test_of_two_documents_the_other_is_the_negative() -> None:
    negatives, generator = _mine(_nodes("the fee is 40", "the form is AP-2"))
    assert negatives == ["n1"]
    assert generator.report.short == 1


def test_documents_identical_to_the_positive_are_never_negatives() -> None:
    negatives, generator = _mine(_nodes(*["the fee is 40"] * 6))
    assert negatives == []
    assert generator.report.refused == {"judged for this question": 1, "same text as a positive": 5}


@pytest.mark.parametrize("query", ["the of and", "???", "zebra"])
def test_a_query_of_stop_words_or_unknown_words_still_gets_its_negatives(query: str) -> None:
    negatives, generator = _mine(_nodes(*[f"rule {i} on fees" for i in range(9)]), query)
    assert len(negatives) == 5
    assert generator.report.negatives == {"random": 5}
    assert generator.report.oddities == {"bm25: nothing found": 1}


def test_a_node_without_text_is_never_a_negative() -> None:
    nodes = [*NODES[:2], TextNode(id_="n02", text=""), TextNode(id_="n03", text=" \n")]
    generator = unguarded(nodes, Listed(descending(2, 1)))
    assert ids(generator.generate(questions({"q": [0]}))) == ["n01"]
    assert generator.report.refused == {"no text": 1}


def test_indices_built_in_another_order_give_the_same_negatives_though_many_scores_are_equal() -> None:
    nodes = [TextNode(id_=f"n{i:02}", text=f"the fee rule of {'north' if i % 3 else 'south'}") for i in range(28)]
    nodes[0].text = "the fee is 40 crowns"
    dataset = RerankDataset.build(
        RerankExample(f"q{i}", query, (Passage(nodes[0].text, "n00", 1.0),))
        for i, query in enumerate(["the fee", "rule of north", "south fee", "crowns"])
    )
    straight, turned = (
        unguarded(each, {"bm25": BM25JiebaRetriever(each, 30)}).generate(dataset)
        for each in (nodes, random.Random(1).sample(nodes, len(nodes)))
    )
    assert [ids(straight, i) for i in range(4)] == [ids(turned, i) for i in range(4)]
    assert all(len(ids(straight, i)) == 5 for i in range(4))
