"""The dense source, with embeddings small enough to know by heart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.schema import NodeWithScore, TextNode
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, ScoreError
from llama_index_rerank_tuner.retrieval import DenseRetriever

AXES = ["cat", "dog", "税"]


class WordCounts:
    """Embeds a text as its counts of three words, at unit length; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.append(list(texts))
        counts = np.array([[text.split().count(axis) for axis in AXES] for text in texts], dtype=np.float32)
        unit: NDArray[np.float32] = counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)
        return unit


class CharacterCodes(MockEmbedding):
    """Embeds a text by its first two characters, not at unit length; nothing for a blank one."""

    def _get_text_embedding(self, text: str) -> list[float]:
        codes = [float(ord(character) - 96) for character in text[:2]]
        return [*codes, 0.0, 0.0][:2]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def _retriever(texts: Sequence[str], top_k: int = 10) -> DenseRetriever:
    return DenseRetriever([TextNode(id_=str(i), text=text) for i, text in enumerate(texts)], WordCounts(), top_k)


def _pairs(found: Sequence[NodeWithScore]) -> list[tuple[str, float]]:
    return [(each.node.node_id, round(each.score or 0.0, 6)) for each in found]


def test_nodes_stand_by_their_cosine() -> None:
    found = _retriever(["dog", "cat dog", "cat cat", "cat dog dog dog"]).retrieve("cat")
    assert _pairs(found) == [("2", 1.0), ("1", 0.707107), ("3", 0.316228), ("0", 0.0)]


def test_chinese_text_is_embedded_as_it_is() -> None:
    assert _pairs(_retriever(["cat", "税", "税 cat"]).retrieve("税")) == [("1", 1.0), ("2", 0.707107), ("0", 0.0)]


def test_ties_stand_in_node_order() -> None:
    assert [id_ for id_, _ in _pairs(_retriever(["cat", "dog", "cat", "dog", "cat"]).retrieve("cat"))] == [
        "0", "2", "4", "1", "3"
    ]  # fmt: skip


def test_top_k_cuts_the_list_and_may_exceed_the_corpus() -> None:
    assert _pairs(_retriever(["dog", "cat", "cat dog"], 1).retrieve("cat")) == [("1", 1.0)]
    assert len(_retriever(["dog", "cat"], 50).retrieve("cat")) == 2


def test_nodes_and_a_batch_of_questions_are_each_embedded_in_one_call() -> None:
    encode = WordCounts()
    retriever = DenseRetriever([TextNode(text="cat"), TextNode(text="dog")], encode)
    retriever.retrieve_batch(["dog", "cat"])
    assert encode.asked == [["cat", "dog"], ["dog", "cat"]]


def test_a_batch_finds_what_single_questions_find() -> None:
    retriever = _retriever(["dog", "cat dog", "", "cat"], 3)
    queries = ["cat", "dog cat", "", "unknown", "cat"]
    assert [_pairs(found) for found in retriever.retrieve_batch(queries)] == [
        _pairs(retriever.retrieve(query)) for query in queries
    ]


def test_metadata_is_embedded_with_the_text() -> None:
    encode = WordCounts()
    DenseRetriever([TextNode(text="cat", metadata={"title": "pets"})], encode)
    assert encode.asked == [["title: pets\n\ncat"]]


def test_an_empty_corpus_answers_nothing_and_embeds_nothing() -> None:
    encode = WordCounts()
    retriever = DenseRetriever([], encode)
    assert retriever.retrieve("cat") == []
    assert retriever.retrieve_batch(["cat", "dog"]) == [[], []]
    assert encode.asked == []


def test_no_question_gives_no_list() -> None:
    assert _retriever(["cat"]).retrieve_batch([]) == []


def test_an_async_app_can_ask() -> None:
    async def app() -> list[NodeWithScore]:
        return await _retriever(["dog", "cat"], 1).aretrieve("cat")

    assert _pairs(asyncio.run(app())) == [("1", 1.0)]


@pytest.mark.parametrize("top_k", [0, -1])
def test_a_top_k_that_is_not_positive_is_refused(top_k: int) -> None:
    with pytest.raises(ConfigError, match=f"similarity_top_k must be a positive integer, got {top_k}"):
        _retriever(["cat"], top_k)


class QueriesReversed(CharacterCodes):
    """Embeds a query otherwise than a text, as models with a query instruction do."""

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query[::-1])


def _over(embedding: MockEmbedding, texts: Sequence[str], top_k: int = 10) -> DenseRetriever:
    return DenseRetriever.from_embedding([TextNode(id_=text, text=text) for text in texts], embedding, top_k)


def test_a_llama_index_embedding_ranks_by_cosine_whatever_its_lengths() -> None:
    assert _pairs(_over(CharacterCodes(embed_dim=2), ["ab", "cd", "za"], 2).retrieve("cd")) == [
        ("cd", 1.0),
        ("ab", round((3 * 1 + 4 * 2) / (5 * 5**0.5), 6)),
    ]


def test_queries_go_through_the_embeddings_query_side() -> None:
    assert _pairs(_over(QueriesReversed(embed_dim=2), ["ab", "ba"], 1).retrieve("ab")) == [("ba", 1.0)]


def test_more_texts_than_one_embedding_batch_stay_in_order() -> None:
    found = _over(CharacterCodes(embed_dim=2, embed_batch_size=2), ["aa", "ab", "ba", "az", "za"]).retrieve("za")
    assert _pairs(found)[0] == ("za", 1.0)


def test_a_text_without_an_embedding_scores_zero_rather_than_not_a_number() -> None:
    assert _pairs(_over(CharacterCodes(embed_dim=2), ["ab", ""]).retrieve("ab")) == [("ab", 1.0), ("", 0.0)]


def test_arrays_hold_what_the_nodes_say() -> None:
    retriever = _retriever(["dog", "cat dog", "cat cat"], 2)
    found = retriever.search(["cat", "dog"])
    assert found.ids.tolist() == [[2, 1], [0, 1]]
    assert found.scores.dtype == np.float32
    assert retriever.search(["cat"], k=4).ids.tolist() == [[2, 1, 0, -1]]


def test_an_empty_corpus_and_no_question_give_arrays_without_nodes() -> None:
    assert _retriever([]).search(["cat"], 2).ids.tolist() == [[-1, -1]]
    assert _retriever(["cat"]).search([], 2).ids.shape == (0, 2)


def test_a_k_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ConfigError, match="k must be a positive integer, got 0"):
        _retriever(["cat"]).search(["cat"], 0)


def test_vectors_are_kept_on_disk_and_only_a_changed_node_is_embedded_again(tmp_path: Path) -> None:
    first, second = WordCounts(), WordCounts()
    nodes = [TextNode(id_=str(i), text=text) for i, text in enumerate(["cat", "dog", "cat dog"])]
    found = DenseRetriever(nodes, first, cache_dir=tmp_path, model="counts").retrieve("cat")
    nodes[1] = TextNode(id_="1", text="dog dog cat")
    retriever = DenseRetriever(nodes, second, cache_dir=tmp_path, model="counts")
    assert second.asked == [["dog dog cat"]]
    assert _pairs(found) == [("0", 1.0), ("2", 0.707107), ("1", 0.0)]
    assert _pairs(retriever.retrieve("cat")) == [("0", 1.0), ("2", 0.707107), ("1", 0.447214)]


def test_a_cache_without_the_models_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model is empty"):
        DenseRetriever([TextNode(text="cat")], WordCounts(), cache_dir=tmp_path)


def test_an_embedding_of_llama_index_is_cached_under_its_name_or_a_given_one(tmp_path: Path) -> None:
    nodes = [TextNode(text="ab")]
    DenseRetriever.from_embedding(nodes, CharacterCodes(embed_dim=2, model_name="codes"), cache_dir=tmp_path)
    DenseRetriever.from_embedding(nodes, CharacterCodes(embed_dim=2), cache_dir=tmp_path, model="mine")
    assert len(list(tmp_path.glob("vectors-*.sqlite"))) == 2
    with pytest.raises(ConfigError, match="model is empty"):
        DenseRetriever.from_embedding(nodes, CharacterCodes(embed_dim=2), cache_dir=tmp_path)


def test_an_embedding_that_is_not_a_number_is_refused_with_its_text() -> None:
    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([[np.nan if text == "bad" else 1.0] for text in texts], dtype=np.float32)

    with pytest.raises(ScoreError, match="'bad' holds NaN"):
        DenseRetriever([TextNode(text="good"), TextNode(text="bad")], encode)
