"""The room of retrievers that candidates and hard negatives come from."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llama_index_rerank_tuner.retrieval.batch import retrieve_batch
    from llama_index_rerank_tuner.retrieval.bm25 import BM25JiebaRetriever
    from llama_index_rerank_tuner.retrieval.dense import DenseRetriever, sentence_encoder
    from llama_index_rerank_tuner.retrieval.fusion import FusionRetriever
    from llama_index_rerank_tuner.retrieval.remembering import RememberingRetriever
    from llama_index_rerank_tuner.retrieval.top_k import TopK
    from llama_index_rerank_tuner.retrieval.vector_cache import RememberingEncode

__all__ = [
    "BM25JiebaRetriever",
    "DenseRetriever",
    "FusionRetriever",
    "RememberingEncode",
    "RememberingRetriever",
    "TopK",
    "retrieve_batch",
    "sentence_encoder",
]

_FILES = {
    "BM25JiebaRetriever": "bm25",
    "DenseRetriever": "dense",
    "FusionRetriever": "fusion",
    "RememberingEncode": "vector_cache",
    "RememberingRetriever": "remembering",
    "TopK": "top_k",
    "retrieve_batch": "batch",
    "sentence_encoder": "dense",
}


def __getattr__(name: str) -> Any:
    """Import a name on first use (PEP 562): the index and the caches need no llama_index."""
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
