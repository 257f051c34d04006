"""Scoring backends, one file each: text pairs in, logits out; nothing here knows llama_index."""

from llama_index_rerank_tuner.reranking.backends.torch_backend import (
    TorchScorer,
    default_batch_size,
    finite,
    load_cross_encoder,
)

__all__ = ["TorchScorer", "default_batch_size", "finite", "load_cross_encoder"]
