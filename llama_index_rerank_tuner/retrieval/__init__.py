"""The room of retrievers that candidates and hard negatives come from."""

from llama_index_rerank_tuner.retrieval.batch import retrieve_batch
from llama_index_rerank_tuner.retrieval.bm25 import BM25JiebaRetriever
from llama_index_rerank_tuner.retrieval.dense import DenseRetriever, sentence_encoder
from llama_index_rerank_tuner.retrieval.fusion import FusionRetriever
from llama_index_rerank_tuner.retrieval.remembering import RememberingRetriever

__all__ = [
    "BM25JiebaRetriever",
    "DenseRetriever",
    "FusionRetriever",
    "RememberingRetriever",
    "retrieve_batch",
    "sentence_encoder",
]
