"""Scoring backends, one file each: text pairs in, logits out; nothing here knows llama_index."""

from llama_index_rerank_tuner.reranking.backends.torch_backend import TorchScorer, finite, load_cross_encoder

__all__ = ["TorchScorer", "finite", "load_cross_encoder"]
