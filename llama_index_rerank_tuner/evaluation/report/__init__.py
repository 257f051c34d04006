"""Showing what was measured: console, plots."""

from llama_index_rerank_tuner.evaluation.report.console import benchmark_summary, benchmark_table
from llama_index_rerank_tuner.evaluation.report.plots import plot_contestants, plot_gap

__all__ = ["benchmark_summary", "benchmark_table", "plot_contestants", "plot_gap"]
