"""Gathering what the sources return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.mining import attach_candidates, candidate_lists
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
from llama_index_rerank_tuner.text import TextContract

BARE = TextContract("none")


class Fixed(BaseRetriever):
    """Returns for a question what a table says, as (id, score)."""

    def __init__(self, table: Mapping[str, Sequence[tuple[str, float | None]]]) -> None:
        super().__init__()
        self.table = table

    def retrieve_batch(self, queries: Sequence[str]) -> list[list[NodeWithScore]]:
        return [self._retrieve(QueryBundle(query)) for query in queries]

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self.table.get(query_bundle.query_str, ())
        return [NodeWithScore(node=TextNode(id_=id_, text=f"text of {id_}"), score=score) for id_, score in found]


def _trail(passages: Sequence[Passage]) -> list[tuple[str, dict[str, tuple[int, float]]]]:
    return [(passage.key, dict(passage.retrieved)) for passage in passages]


def test_sources_are_merged_by_node_with_each_ones_rank_and_score() -> None:
    sources = {"bm25": Fixed({"q": [("a", 5.0), ("b", 3.0)]}), "dense": Fixed({"q": [("b", 0.9), ("c", 0.5)]})}
    (found,) = candidate_lists(["q"], sources, BARE)
    assert _trail(found) == [
        ("a", {"bm25": (1, 5.0)}),
        ("b", {"bm25": (2, 3.0), "dense": (1, 0.9)}),
        ("c", {"dense": (2, 0.5)}),
    ]
    assert [passage.text for passage in found] == ["text of a", "text of b", "text of c"]


def test_passages_stand_by_their_best_rank_in_any_source() -> None:
    sources = {"one": Fixed({"q": [("a", 1.0), ("b", 0.9), ("c", 0.8)]}), "two": Fixed({"q": [("c", 9.0)]})}
    (found,) = candidate_lists(["q"], sources, BARE)
    assert [passage.key for passage in found] == ["a", "c", "b"]


def test_a_node_returned_twice_by_one_source_keeps_its_first_place() -> None:
    (found,) = candidate_lists(["q"], {"one": Fixed({"q": [("a", 2.0), ("b", 1.5), ("a", 1.0)]})}, BARE)
    assert _trail(found) == [("a", {"one": (1, 2.0)}), ("b", {"one": (2, 1.5)})]


def test_a_node_without_a_score_counts_zero() -> None:
    (found,) = candidate_lists(["q"], {"one": Fixed({"q": [("a", None)]})}, BARE)
    assert _trail(found) == [("a", {"one": (1, 0.0)})]


def test_questions_keep_their_order_and_may_repeat_or_find_nothing() -> None:
    source = Fixed({"q": [("a", 1.0)], "r": [("b", 1.0)]})
    found = candidate_lists(["r", "nothing", "q", "r"], {"one": source}, BARE)
    assert [[passage.key for passage in each] for each in found] == [["b"], [], ["a"], ["b"]]


def test_no_question_gives_no_list() -> None:
    assert candidate_lists([], {"one": Fixed({})}, BARE) == []


@pytest.mark.parametrize(("mode", "text"), [("none", "Pay in May."), ("embed", "title: Fees\n\nPay in May.")])
def test_the_contract_makes_the_text(mode: str, text: str) -> None:
    node = TextNode(text="Pay in May.", metadata={"title": "Fees"})
    (found,) = candidate_lists(["pay"], {"bm25": BM25JiebaRetriever([node])}, TextContract(mode))  # type: ignore[arg-type]
    assert [passage.text for passage in found] == [text]


def test_the_source_document_becomes_the_group() -> None:
    source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="manual.pdf")}
    node = TextNode(text="pay in may", relationships=source)
    (found,) = candidate_lists(["pay"], {"bm25": BM25JiebaRetriever([node])}, BARE)
    assert found[0].group == "manual.pdf"


def _judged() -> RerankDataset:
    positive = Passage("text of p", node_id="p", label=2.0)
    negative = Passage("text of n", node_id="n", label=0.0)
    examples = [RerankExample("1", "q", (positive,), (negative,)), RerankExample("2", "lost", (positive,))]
    return RerankDataset.build(examples)


def test_candidates_stand_as_retrieved_under_the_retrievers_name_and_carry_known_labels() -> None:
    attached = attach_candidates(_judged(), Fixed({"q": [("x", 3.0), ("n", 2.0), ("p", 1.0)]}), "app")
    candidates = attached[0].candidates
    assert candidates is not None
    assert _trail(candidates) == [("x", {"app": (1, 3.0)}), ("n", {"app": (2, 2.0)}), ("p", {"app": (3, 1.0)})]
    assert [passage.label for passage in candidates] == [None, 0.0, 2.0]


def test_a_question_that_retrieves_nothing_has_an_empty_list_which_is_not_a_missing_one() -> None:
    assert attach_candidates(_judged(), Fixed({}), "app")[1].candidates == ()


def test_attaching_changes_nothing_but_the_candidates() -> None:
    dataset = _judged()
    attached = attach_candidates(dataset, Fixed({"q": [("p", 1.0)]}), "app")
    assert all(example.candidates is None for example in dataset)
    for before, after in zip(dataset, attached, strict=True):
        assert (before.query_id, before.query, before.positives, before.negatives) == (
            after.query_id, after.query, after.positives, after.negatives
        )  # fmt: skip
    assert (attached.corpus, attached.contract) == (dataset.corpus, dataset.contract)


def test_attaching_again_replaces_the_list() -> None:
    once = attach_candidates(_judged(), Fixed({"q": [("p", 1.0)]}), "first")
    candidates = attach_candidates(once, Fixed({"q": [("n", 7.0)]}), "second")[0].candidates
    assert candidates is not None
    assert _trail(candidates) == [("n", {"second": (1, 7.0)})]


def test_bare_chinese_records_find_their_own_positive_among_the_corpus() -> None:
    dataset = RerankDataset.from_records(
        [
            {"query": "如何申报研发费用", "passage": "研发费用加计扣除申报条件", "score": 1},
            {"query": "如何申报研发费用", "passage": "城市停车收费标准", "score": 0},
        ]
    )
    attached = attach_candidates(dataset, BM25JiebaRetriever(dataset.nodes()), "bm25")
    candidates = attached[0].candidates
    assert candidates is not None
    assert [(passage.text, passage.label) for passage in candidates] == [("研发费用加计扣除申报条件", 1.0)]
