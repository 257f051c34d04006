"""The guards that are there without being asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from llama_index.core.schema import TextNode
from numpy.typing import NDArray

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator
from llama_index_rerank_tuner.mining.guards import default_guards
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever


class Both:
    name = "both"

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        return np.zeros(len(pairs))


class Yes:
    name = "yes"

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        return [1.0] * len(pairs)


def test_the_dear_ones_come_last_and_only_where_they_are_handed_in() -> None:
    cheap = ["other positives", "near queries", "near duplicates", "relations", "margin"]
    assert [guard.name for guard in default_guards()] == cheap
    assert [guard.name for guard in default_guards(Both(), Yes())] == [*cheap, "teacher both", "judge yes"]


def test_every_guard_decides_on_each_candidate_in_either_language_and_on_none() -> None:
    positive = Passage("申请费四十元。", node_id="p", retrieved={"bm25": Retrieved(1, 9.0)})
    dataset = RerankDataset.build([RerankExample("q", "费用是多少？", (positive,))])
    candidates = [Passage("The form is AP-2.", node_id="a"), Passage("", node_id="b"), Passage("五月底前申报。")]
    for guard in default_guards(Both(), Yes()):
        guard.prepare(dataset, dataset.nodes())
        assert len(guard.decide(dataset[0], candidates)) == 3
        assert guard.decide(dataset[0], []) == []


def test_two_sets_of_guards_share_nothing() -> None:
    first, second = default_guards(), default_guards()
    twin = Passage("Forty crowns a year.", node_id="t")
    asked = RerankExample("q1", "What is the fee?", (Passage("40", node_id="p"),))
    known = RerankDataset.build([asked, RerankExample("q2", "What is the fee?", (twin,))])
    first[0].prepare(known, [])
    second[0].prepare(RerankDataset.build([asked]), [])
    assert [guard.decide(asked, [twin])[0].outcome for guard in (first[0], second[0])] == ["drop", "keep"]


def test_the_generator_takes_no_negative_that_a_guard_drops() -> None:
    fee = "The fee for a fishing permit is forty crowns a year."
    texts = [fee, f"{fee} Children pay nothing.", "The permit for nets.", "A permit for dogs.", "Apply for it in May."]
    nodes = [TextNode(id_=str(place), text=text) for place, text in enumerate(texts)]
    dataset = RerankDataset.from_nodes(nodes, [{"query": "What is the fee for a permit?", "relevant_ids": ["0"]}])
    generator = HardNegativeDatasetGenerator(nodes, {"bm25": BM25JiebaRetriever(nodes)}, guards=default_guards())
    (example,) = generator.generate(dataset)
    assert {negative.key for negative in example.negatives} == {"2", "3", "4"}
    assert generator.report.refused["near duplicates: contains a positive or is part of one"] == 1
