"""Replaying one list to every contestant."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.bridge.pydantic import Field
from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llama_index_rerank_tuner.evaluation.replay import ReplayRetriever, replay
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved

CANDIDATES = tuple(
    Passage(f"text {key}", node_id=key, retrieved={"bm25": Retrieved(rank, 4.0 - rank)}, group="doc")
    for rank, key in enumerate("abc", start=1)
)
EXAMPLE = RerankExample("q", "which one?", positives=(CANDIDATES[2],), candidates=CANDIDATES)


class Reversing(BaseNodePostprocessor):
    """Turns the list around and scores it 100, 99 and on."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return [NodeWithScore(node=each.node, score=100.0 - i) for i, each in enumerate(reversed(nodes))]


class First(BaseNodePostprocessor):
    """Keeps the first node."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return nodes[:1]


class Vandal(BaseNodePostprocessor):
    """Spoils everything it is given."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        for each in nodes:
            each.score = -1.0
            each.node.metadata["spoilt"] = "yes"
            each.node.set_content("spoilt")
        nodes.reverse()
        return nodes


class Witness(BaseNodePostprocessor):
    """Remembers what it was given."""

    seen: list[tuple[str, str, str, float | None]] = Field(default_factory=list)

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = query_bundle.query_str if query_bundle else ""
        self.seen += [(query, each.node.node_id, each.node.get_content(), each.score) for each in nodes]
        return nodes


class Broken(BaseNodePostprocessor):
    """Always fails."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        raise RuntimeError("model fell over")


def test_without_a_contestant_the_retrievers_order_and_scores_come_back() -> None:
    assert replay(EXAMPLE, None) == [("a", 3.0), ("b", 2.0), ("c", 1.0)]


def test_a_contestants_order_and_scores_come_back() -> None:
    assert replay(EXAMPLE, Reversing()) == [("c", 100.0), ("b", 99.0), ("a", 98.0)]


def test_a_contestant_may_return_fewer_nodes() -> None:
    assert replay(EXAMPLE, First()) == [("a", 3.0)]


def test_a_contestant_that_returns_no_node_at_all_has_an_empty_ranking() -> None:
    assert replay(EXAMPLE, SimilarityPostprocessor(similarity_cutoff=50.0)) == []


def test_a_filter_of_llama_index_itself_can_stand_as_contestant() -> None:
    assert replay(EXAMPLE, SimilarityPostprocessor(similarity_cutoff=1.5)) == [("a", 3.0), ("b", 2.0)]


def test_a_contestant_sees_question_text_and_retrieval_score() -> None:
    witness = Witness()
    replay(EXAMPLE, witness)
    assert witness.seen == [
        ("which one?", "a", "text a", 3.0),
        ("which one?", "b", "text b", 2.0),
        ("which one?", "c", "text c", 1.0),
    ]


def test_what_one_contestant_spoils_the_next_one_never_sees() -> None:
    before = Witness()
    replay(EXAMPLE, before)
    assert [key for key, _ in replay(EXAMPLE, Vandal())] == ["c", "b", "a"]
    after = Witness()
    replay(EXAMPLE, after)
    assert after.seen == before.seen


@pytest.mark.parametrize("candidates", [(), None])
def test_no_candidate_gives_an_empty_ranking(candidates: tuple[Passage, ...] | None) -> None:
    example = RerankExample("q", "lost?", positives=(CANDIDATES[0],), candidates=candidates)
    assert replay(example, None) == []
    assert replay(example, Broken()) == []


def test_candidates_without_a_retrieval_score_count_zero() -> None:
    example = RerankExample("q", "q?", positives=(Passage("p"),), candidates=(Passage("p"), Passage("税")))
    assert replay(example, None) == [("p", 0.0), ("税", 0.0)]


def test_candidates_of_equal_text_and_different_ids_all_stay() -> None:
    candidates = (Passage("same", node_id="1", group="g"), Passage("same", node_id="2", group="g"))
    example = RerankExample("q", "q?", positives=candidates[1:], candidates=candidates)
    assert [key for key, _ in replay(example, None)] == ["1", "2"]


def test_a_contestants_own_error_comes_through() -> None:
    with pytest.raises(RuntimeError, match="model fell over"):
        replay(EXAMPLE, Broken())


def test_replaying_works_inside_a_running_event_loop() -> None:
    async def notebook() -> list[tuple[str, float]]:
        return replay(EXAMPLE, Reversing())

    assert [key for key, _ in asyncio.run(notebook())] == ["c", "b", "a"]


def test_the_replaying_retriever_answers_anything_with_fresh_nodes_of_the_source_document() -> None:
    retriever = ReplayRetriever(CANDIDATES)
    first, second = retriever.retrieve("one"), retriever.retrieve("two")
    assert [each.node.node_id for each in first] == [each.node.node_id for each in second] == ["a", "b", "c"]
    assert all(one is not two and one.node is not two.node for one, two in zip(first, second, strict=True))
    assert all(isinstance(each.node, TextNode) and each.node.ref_doc_id == "doc" for each in first)
