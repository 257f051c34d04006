"""The dense source: nodes ranked by the cosine of their embeddings with the query's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.models import load_failed, resolve_model
from llama_index_rerank_tuner.protocols import Encode

if TYPE_CHECKING:
    from llama_index.core.embeddings import BaseEmbedding


class DenseRetriever(BaseRetriever):
    """Exact dense retriever over nodes in memory: one matrix product for a batch of queries.

    Args:
        nodes: The nodes to search. Their text with embedding metadata is embedded.
        encode: Embeds texts as unit vectors; see ``sentence_encoder``.
        similarity_top_k: Number of nodes a query returns at most.
        encode_queries: Embeds queries, where the model treats them otherwise than texts; None for ``encode``.

    Raises:
        ConfigError: ``similarity_top_k`` is not positive.
    """

    def __init__(
        self,
        nodes: Sequence[BaseNode],
        encode: Encode,
        similarity_top_k: int = 10,
        encode_queries: Encode | None = None,
    ) -> None:
        if similarity_top_k < 1:
            raise ConfigError(f"similarity_top_k must be a positive integer, got {similarity_top_k}.")
        super().__init__()
        self.similarity_top_k = similarity_top_k
        self._nodes = list(nodes)
        self._encode_queries = encode_queries or encode
        texts = [node.get_content(metadata_mode=MetadataMode.EMBED) for node in self._nodes]
        self._vectors = encode(texts) if texts else None

    @classmethod
    def from_embedding(
        cls, nodes: Sequence[BaseNode], embed_model: BaseEmbedding, similarity_top_k: int = 10
    ) -> DenseRetriever:
        """Search with any LlamaIndex embedding class, OpenAI's among them.

        Args:
            nodes: The nodes to search.
            embed_model: Its text side embeds the nodes, its query side the queries.
            similarity_top_k: Number of nodes a query returns at most.
        """

        def queries(texts: Sequence[str]) -> NDArray[np.float32]:
            return _unit([embed_model.get_query_embedding(text) for text in texts])

        def passages(texts: Sequence[str]) -> NDArray[np.float32]:
            return _unit(embed_model.get_text_embedding_batch(list(texts)))

        return cls(nodes, passages, similarity_top_k, queries)

    def retrieve_batch(self, queries: Sequence[str]) -> list[list[NodeWithScore]]:
        """Retrieve for ``n`` queries: ``n`` lists, best node first, ties in node order."""
        if self._vectors is None or not queries:
            return [[] for _ in queries]
        return [self._best(row) for row in self._encode_queries(queries) @ self._vectors.T]

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self.retrieve_batch([query_bundle.query_str])[0]

    def _best(self, cosines: NDArray[np.float32]) -> list[NodeWithScore]:
        order = np.argsort(-cosines, kind="stable")[: self.similarity_top_k]
        return [NodeWithScore(node=self._nodes[i], score=float(cosines[i])) for i in order]


def sentence_encoder(model: str, batch_size: int = 32, show_progress: bool = False) -> Encode:
    """An encoder from a sentence-transformers model; ``all-MiniLM-L6-v2`` needs no hub with the ``offline`` extra.

    Raises:
        CheckpointNotFoundError: There is no such model.
    """
    path = resolve_model(model)
    from sentence_transformers import SentenceTransformer

    try:
        encoder = SentenceTransformer(path)
    except (OSError, ValueError) as error:
        raise load_failed(model, error) from error

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = encoder.encode(
            list(texts),
            batch_size=batch_size,
            normalize_embeddings=True,
            show_progress_bar=show_progress and len(texts) > batch_size,
        )
        return vectors

    return encode


def _unit(vectors: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    rows = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = rows / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit
