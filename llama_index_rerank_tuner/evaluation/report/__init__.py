"""Showing what was measured: console, JSON, Markdown, a page, and pictures."""

from llama_index_rerank_tuner.evaluation.report.console import benchmark_summary, benchmark_table
from llama_index_rerank_tuner.evaluation.report.document import load_document, report_document
from llama_index_rerank_tuner.evaluation.report.html_page import report_html
from llama_index_rerank_tuner.evaluation.report.markdown import report_markdown
from llama_index_rerank_tuner.evaluation.report.plots import plot_contestants, plot_gap
from llama_index_rerank_tuner.evaluation.report.writing import write_report

__all__ = [
    "benchmark_summary",
    "benchmark_table",
    "load_document",
    "plot_contestants",
    "plot_gap",
    "report_document",
    "report_html",
    "report_markdown",
    "write_report",
]
