"""Reciprocal rank fusion, with sums computed by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever, FusionRetriever


class Fixed(BaseRetriever):
    """Returns the same ids, whatever it is asked, through the batch door only."""

    def __init__(self, ids: Sequence[str], text: str = "same text") -> None:
        super().__init__()
        self.found = [NodeWithScore(node=TextNode(id_=id_, text=text), score=9.0) for id_ in ids]
        self.asked: list[list[str]] = []

    def retrieve_batch(self, queries: Sequence[str]) -> list[list[NodeWithScore]]:
        self.asked.append(list(queries))
        return [list(self.found) for _ in queries]

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return list(self.found)


def _fused(*lists: Sequence[str], top_k: int = 10) -> list[tuple[str, float | None]]:
    fusion = FusionRetriever({f"source {i}": Fixed(ids) for i, ids in enumerate(lists)}, top_k)
    return [(each.node.node_id, each.score) for each in fusion.retrieve("q")]


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([["x", "y", "z"]], [("x", 1 / 61), ("y", 1 / 62), ("z", 1 / 63)]),
        (
            [["x", "y", "z"], ["y", "w"]],
            [("y", 1 / 62 + 1 / 61), ("x", 1 / 61), ("w", 1 / 62), ("z", 1 / 63)],
        ),
        ([["x"], ["x"], ["x"]], [("x", 3 / 61)]),
        ([["a", "b", "c"], ["c", "b", "a"]], [("a", 124 / 3843), ("c", 124 / 3843), ("b", 2 / 62)]),
        ([[], ["x"]], [("x", 1 / 61)]),
        ([[], []], []),
    ],
)
def test_a_score_is_the_sum_of_one_over_60_plus_rank(lists: list[list[str]], expected: list[tuple[str, float]]) -> None:
    fused = _fused(*lists)
    assert [node_id for node_id, _ in fused] == [node_id for node_id, _ in expected]
    assert [score for _, score in fused] == pytest.approx([score for _, score in expected])


def test_the_literal_sum_of_two_sources() -> None:
    assert _fused(["x", "y"], ["y", "x"])[0][1] == pytest.approx(0.0325224748810153)


def test_two_second_places_beat_one_first_place() -> None:
    assert [node_id for node_id, _ in _fused(["x", "both"], ["y", "both"])] == ["both", "x", "y"]


def test_ties_stand_in_the_order_of_the_sources() -> None:
    assert [node_id for node_id, _ in _fused(["b"], ["a"], ["c"])] == ["b", "a", "c"]


def test_a_node_that_one_source_returns_twice_counts_once_at_its_better_rank() -> None:
    assert dict(_fused(["x", "x", "y"], ["y"]))["x"] == pytest.approx(1 / 61)


def test_top_k_cuts_after_fusing() -> None:
    assert [node_id for node_id, _ in _fused(["a", "x", "both"], ["b", "y", "both"], top_k=2)] == ["both", "a"]


def test_nodes_of_equal_text_and_different_ids_stay_two() -> None:
    fusion = FusionRetriever({"one": Fixed(["a"]), "two": Fixed(["b"])})
    assert {each.node.node_id for each in fusion.retrieve("q")} == {"a", "b"}


def test_a_batch_asks_every_source_once_and_finds_what_single_questions_find() -> None:
    nodes = [TextNode(id_=word, text=word) for word in ("tax", "fee", "cat", "rule")]
    other = Fixed(["cat", "tax"])
    fusion = FusionRetriever({"bm25": BM25JiebaRetriever(nodes), "other": other})
    batched = fusion.retrieve_batch(["tax fee", "nothing known", "tax fee", ""])
    assert other.asked == [["tax fee", "nothing known", ""]]
    single = [fusion.retrieve(query) for query in ["tax fee", "nothing known", "tax fee", ""]]
    assert [[(e.node.node_id, e.score) for e in found] for found in batched] == [
        [(e.node.node_id, e.score) for e in found] for found in single
    ]


def test_the_sources_nodes_keep_their_scores() -> None:
    source = Fixed(["x"])
    FusionRetriever({"one": source}).retrieve("q")
    assert source.found[0].score == 9.0


def test_no_question_gives_no_list() -> None:
    assert FusionRetriever({"one": Fixed(["x"])}).retrieve_batch([]) == []


def test_an_async_app_can_ask() -> None:
    async def app() -> list[NodeWithScore]:
        return await FusionRetriever({"one": Fixed(["x"])}).aretrieve("q")

    assert [each.node.node_id for each in asyncio.run(app())] == ["x"]


def test_fusing_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one retriever"):
        FusionRetriever({})


@pytest.mark.parametrize("top_k", [0, -1])
def test_a_top_k_that_is_not_positive_is_refused(top_k: int) -> None:
    with pytest.raises(ConfigError, match=f"positive integer, got {top_k}"):
        FusionRetriever({"one": Fixed(["x"])}, top_k)
