"""The dense source: nodes ranked by the cosine of their embeddings with the query's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, ScoreError
from llama_index_rerank_tuner.models import load_failed, resolve_model
from llama_index_rerank_tuner.protocols import Encode
from llama_index_rerank_tuner.retrieval.batch import nodes_found
from llama_index_rerank_tuner.retrieval.nearest import nearest
from llama_index_rerank_tuner.retrieval.top_k import TopK
from llama_index_rerank_tuner.retrieval.vector_cache import RememberingEncode

if TYPE_CHECKING:
    from llama_index.core.embeddings import BaseEmbedding


class DenseRetriever(BaseRetriever):
    """Exact dense retriever over nodes in memory: blocks of matrix products, each of bounded size.

    Args:
        nodes: The nodes to search. Their text with embedding metadata is embedded.
        encode: Embeds texts as unit vectors; see ``sentence_encoder``.
        similarity_top_k: Number of nodes a query returns at most.
        encode_queries: Embeds queries, where the model treats them otherwise than texts; None for ``encode``.
        cache_dir: Folder where the nodes' vectors are kept by content and model, so that no text is embedded twice;
            None for nowhere.
        model: Name or directory of the model that ``encode`` uses; needed with ``cache_dir``.

    Raises:
        ConfigError: ``similarity_top_k`` is not positive, or there is a ``cache_dir`` and no ``model``.
        DataError: The cache's file cannot be used.
        ScoreError: An embedding holds a number that is NaN or infinite.
    """

    def __init__(
        self,
        nodes: Sequence[BaseNode],
        encode: Encode,
        similarity_top_k: int = 10,
        encode_queries: Encode | None = None,
        *,
        cache_dir: str | Path | None = None,
        model: str | None = None,
    ) -> None:
        if similarity_top_k < 1:
            raise ConfigError(f"similarity_top_k must be a positive integer, got {similarity_top_k}.")
        super().__init__()
        self.similarity_top_k = similarity_top_k
        self._nodes = list(nodes)
        self._encode_queries = encode_queries or encode
        encode_nodes = encode if cache_dir is None else RememberingEncode(encode, model or "", cache_dir)
        texts = [node.get_content(metadata_mode=MetadataMode.EMBED) for node in self._nodes]
        self._vectors = _embed(encode_nodes, texts) if texts else None

    @classmethod
    def from_embedding(
        cls,
        nodes: Sequence[BaseNode],
        embed_model: BaseEmbedding,
        similarity_top_k: int = 10,
        *,
        cache_dir: str | Path | None = None,
        model: str | None = None,
    ) -> DenseRetriever:
        """Search with any LlamaIndex embedding class, OpenAI's among them.

        Args:
            nodes: The nodes to search.
            embed_model: Its text side embeds the nodes, its query side the queries.
            similarity_top_k: Number of nodes a query returns at most.
            cache_dir: Folder where the nodes' vectors are kept; None for nowhere.
            model: Name that they are kept under; None for the embedding's own name and dimensions.

        Raises:
            ConfigError: There is a ``cache_dir``, no ``model``, and the embedding has no name of its own.
        """

        def queries(texts: Sequence[str]) -> NDArray[np.float32]:
            return _unit([embed_model.get_query_embedding(text) for text in texts])

        def passages(texts: Sequence[str]) -> NDArray[np.float32]:
            return _unit(embed_model.get_text_embedding_batch(list(texts)))

        name = model or _name_of(embed_model)
        return cls(nodes, passages, similarity_top_k, queries, cache_dir=cache_dir, model=name)

    def search(self, queries: Sequence[str], k: int | None = None) -> TopK:
        """Find nodes as arrays, for whoever does not need node objects.

        Args:
            queries: ``n`` query texts.
            k: Nodes for each query; None for ``similarity_top_k``.

        Returns:
            Positions in ``nodes`` and float32 cosines, both of shape ``(n, k)``, best first, ties in node order.

        Raises:
            ConfigError: ``k`` is not positive.
            ScoreError: An embedding holds a number that is NaN or infinite.
        """
        wanted = self.similarity_top_k if k is None else k
        if wanted < 1:
            raise ConfigError(f"k must be a positive integer, got {wanted}.")
        if self._vectors is None or not queries:
            return TopK.nothing(len(queries), wanted, np.float32)
        return nearest(_embed(self._encode_queries, queries), self._vectors, wanted)

    def retrieve_batch(self, queries: Sequence[str]) -> list[list[NodeWithScore]]:
        """Retrieve for ``n`` queries: ``n`` lists, best node first, ties in node order."""
        return nodes_found(self._nodes, self.search(queries))

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self.retrieve_batch([query_bundle.query_str])[0]


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


def _embed(encode: Encode, texts: Sequence[str]) -> NDArray[np.float32]:
    vectors = np.ascontiguousarray(encode(texts), dtype=np.float32)
    spoilt = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(spoilt):
        raise ScoreError(
            f"The embedding of {texts[spoilt[0]][:60]!r} holds NaN or infinite numbers. Check the embedding model."
        )
    return vectors


def _name_of(embed_model: BaseEmbedding) -> str | None:
    """What the vectors depend on, as far as an embedding tells; None where it has no name of its own."""
    if embed_model.model_name == "unknown":
        return None
    settings = [str(getattr(embed_model, name, "")) for name in ("dimensions", "text_instruction")]
    return " ".join([embed_model.class_name(), embed_model.model_name, *settings])


def _unit(vectors: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    rows = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = rows / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit
