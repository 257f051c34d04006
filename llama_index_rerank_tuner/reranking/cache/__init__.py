"""Caches of scores, one file each."""

from llama_index_rerank_tuner.reranking.cache.memory import CachedScorer

__all__ = ["CachedScorer"]
