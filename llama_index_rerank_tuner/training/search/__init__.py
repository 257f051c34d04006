"""Searching for the settings that rank validation best."""

from llama_index_rerank_tuner.training.search.space import SearchSpace
from llama_index_rerank_tuner.training.search.trials import SearchResult, Trial
from llama_index_rerank_tuner.training.search.tuning import tune_hyperparameters

__all__ = ["SearchResult", "SearchSpace", "Trial", "tune_hyperparameters"]
