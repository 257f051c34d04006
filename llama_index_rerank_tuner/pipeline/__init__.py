"""The whole road in one call, ending in a verdict."""

from llama_index_rerank_tuner.pipeline.outcome import TuneResult
from llama_index_rerank_tuner.pipeline.tune import tune_reranker

__all__ = ["TuneResult", "tune_reranker"]
