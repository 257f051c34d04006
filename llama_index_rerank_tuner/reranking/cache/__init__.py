"""Caches of scores, one file each."""

from llama_index_rerank_tuner.reranking.cache.cached_scorer import CachedScorer
from llama_index_rerank_tuner.reranking.cache.degrading import DegradingCache
from llama_index_rerank_tuner.reranking.cache.keys import pair_keys, score_namespace
from llama_index_rerank_tuner.reranking.cache.memory import MemoryCache
from llama_index_rerank_tuner.reranking.cache.opening import open_caches
from llama_index_rerank_tuner.reranking.cache.protocol import ScoreCache
from llama_index_rerank_tuner.reranking.cache.redis_cache import RedisCache
from llama_index_rerank_tuner.reranking.cache.sqlite import SqliteCache

__all__ = [
    "CachedScorer",
    "DegradingCache",
    "MemoryCache",
    "RedisCache",
    "ScoreCache",
    "SqliteCache",
    "open_caches",
    "pair_keys",
    "score_namespace",
]
