"""Mining through a vector store's asynchronous client, several questions at once."""

from __future__ import annotations

import asyncio
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import AsyncQdrantClient, QdrantClient

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.mining import Asking, HardNegativeDatasetGenerator, Selection
from llama_index_rerank_tuner.retrieval import DenseRetriever

TOPICS = ["parking permit fee", "dog licence fee", "street market stall", "tree felling notice"]
NODES = [TextNode(text=f"{topic} rule {number}") for topic in TOPICS for number in range(5)]
DATASET = RerankDataset.from_nodes(
    NODES,
    [{"query": f"{topic} rule", "relevant_ids": [NODES[5 * place].node_id]} for place, topic in enumerate(TOPICS)],
)
SELECTION = Selection(4, random_negatives=0, depth=4)


class WordCounts(MockEmbedding):
    """Embeds a text as counts of its words, in 64 places."""

    def _get_text_embedding(self, text: str) -> list[float]:
        vector = [1e-3] * self.embed_dim
        for word in text.split():
            vector[zlib.crc32(word.encode()) % self.embed_dim] += 1.0
        return vector

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


class Watched(AsyncQdrantClient):
    """Counts the calls, and how many of them were under way at once."""

    calls = under_way = most = 0

    async def query_points(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.05)
        self.under_way -= 1
        return await super().query_points(*args, **kwargs)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Watched]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Payload indexes have no effect")
        building = QdrantClient(path=str(tmp_path / "qdrant"))
        storage = StorageContext.from_defaults(vector_store=QdrantVectorStore("rules", client=building))
        VectorStoreIndex(NODES, storage_context=storage, embed_model=WordCounts(embed_dim=64))
        building.close()
    watched = Watched(path=str(tmp_path / "qdrant"))
    yield watched
    asyncio.run(watched.close())


def retriever(client: Watched) -> Any:
    store = QdrantVectorStore("rules", aclient=client)
    index = VectorStoreIndex.from_vector_store(store, embed_model=WordCounts(embed_dim=64))
    return index.as_retriever(similarity_top_k=10)


def test_negatives_are_those_of_the_same_search_in_memory(client: Watched) -> None:
    asking = Asking(concurrency=4)
    mined = HardNegativeDatasetGenerator(
        NODES, {"dense": retriever(client)}, selection=SELECTION, asking=asking, guards=()
    )
    dense = DenseRetriever.from_embedding(NODES, WordCounts(embed_dim=64), 10)
    expected = HardNegativeDatasetGenerator(NODES, {"dense": dense}, selection=SELECTION, guards=()).generate(DATASET)
    for ours, theirs in zip(mined.generate(DATASET), expected, strict=True):
        assert {passage.text for passage in ours.negatives} == {passage.text for passage in theirs.negatives}
        assert all(passage.text.startswith(ours.query.rsplit(" ", 1)[0]) for passage in ours.negatives)
    assert client.most > 1


def test_a_second_run_with_the_journal_asks_the_store_nothing(client: Watched, tmp_path: Path) -> None:
    def mine() -> RerankDataset:
        return HardNegativeDatasetGenerator(
            NODES,
            {"qdrant": retriever(client)},
            selection=SELECTION,
            guards=(),
            asking=Asking(concurrency=4),
            journal=tmp_path / "mining.journal",
        ).generate(DATASET)

    first = mine()
    assert client.calls == len(TOPICS)
    assert mine() == first
    assert client.calls == len(TOPICS)
