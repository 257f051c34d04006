"""Asking any retriever many questions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever, retrieve_batch


class Echo(BaseRetriever):
    """Returns one node, named after the question; remembers the questions."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        self.asked.append(query_bundle.query_str)
        return [NodeWithScore(node=TextNode(id_=f"<{query_bundle.query_str}>", text="t"), score=1.0)]


class BatchEcho(Echo):
    """The same with a batch door, which answers ``missing`` questions too few."""

    def __init__(self, missing: int = 0) -> None:
        super().__init__()
        self.missing = missing
        self.batches: list[list[str]] = []

    def retrieve_batch(self, queries: Sequence[str]) -> list[list[NodeWithScore]]:
        self.batches.append(list(queries))
        return [self._retrieve(QueryBundle(query)) for query in queries[self.missing :]]


def _ids(lists: Sequence[Sequence[NodeWithScore]]) -> list[list[str]]:
    return [[each.node.node_id for each in found] for found in lists]


@pytest.mark.parametrize("retriever", [Echo(), BatchEcho()])
def test_every_question_gets_its_own_list_in_order(retriever: Echo) -> None:
    assert _ids(retrieve_batch(retriever, ["b", "a", "税", "b", ""])) == [["<b>"], ["<a>"], ["<税>"], ["<b>"], ["<>"]]


@pytest.mark.parametrize("retriever", [Echo(), BatchEcho()])
def test_a_question_that_stands_twice_is_asked_once(retriever: Echo) -> None:
    retrieve_batch(retriever, ["b", "a", "b", "b", "a"])
    assert retriever.asked == ["b", "a"]


def test_a_retriever_with_a_batch_door_is_asked_through_it_once() -> None:
    retriever = BatchEcho()
    retrieve_batch(retriever, ["b", "a", "b"])
    assert retriever.batches == [["b", "a"]]


@pytest.mark.parametrize("retriever", [Echo(), BatchEcho(), BM25JiebaRetriever([])])
def test_no_question_gives_no_list(retriever: BaseRetriever) -> None:
    assert retrieve_batch(retriever, []) == []


def test_questions_that_differ_in_white_space_or_case_are_different() -> None:
    retriever = Echo()
    retrieve_batch(retriever, ["a", "A", " a"])
    assert retriever.asked == ["a", "A", " a"]


def test_a_batch_door_that_loses_a_question_is_an_error_rather_than_a_shift() -> None:
    with pytest.raises(ValueError, match="shorter"):
        retrieve_batch(BatchEcho(missing=1), ["a", "b", "c"])


def test_a_retriever_of_llama_index_itself_is_asked_like_any_other() -> None:
    nodes = [TextNode(id_=str(i), text=text) for i, text in enumerate(["cat", "dog", "fee"])]
    retriever = VectorStoreIndex(nodes, embed_model=MockEmbedding(embed_dim=3)).as_retriever(similarity_top_k=2)
    found = _ids(retrieve_batch(retriever, ["cat", "dog", "cat"]))
    assert found == _ids([retriever.retrieve(query) for query in ("cat", "dog", "cat")])
    assert [len(each) for each in found] == [2, 2, 2]


def test_progress_shows_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    retrieve_batch(Echo(), ["a", "b"])
    assert capsys.readouterr().err == ""
    retrieve_batch(Echo(), ["a", "b"], show_progress=True)
    assert "retrieving: 100%" in capsys.readouterr().err
