"""Scoring backends, one file each: text pairs in, logits out; nothing here knows llama_index."""

from llama_index_rerank_tuner.reranking.backends.batched import BatchedScorer, finite
from llama_index_rerank_tuner.reranking.backends.choosing import Choice, choose, load_scorer
from llama_index_rerank_tuner.reranking.backends.cross_encoders import default_batch_size, load_cross_encoder
from llama_index_rerank_tuner.reranking.backends.protocol import Backend, Features
from llama_index_rerank_tuner.reranking.backends.tokenizing import PairTokenizer
from llama_index_rerank_tuner.reranking.backends.torch_backend import TorchBackend, TorchScorer
from llama_index_rerank_tuner.reranking.backends.variants import Variant, Variants

__all__ = [
    "Backend",
    "BatchedScorer",
    "Choice",
    "Features",
    "PairTokenizer",
    "TorchBackend",
    "TorchScorer",
    "Variant",
    "Variants",
    "choose",
    "default_batch_size",
    "finite",
    "load_cross_encoder",
    "load_scorer",
]
