"""Ranking metrics as values (``nDCG@10``), trec-exact through ir-measures."""

from llama_index_rerank_tuner.metrics.ranking import DEFAULT_METRICS, parse_metric, score_rankings

__all__ = ["DEFAULT_METRICS", "parse_metric", "score_rankings"]
