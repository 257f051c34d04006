"""The room where before is compared with after."""

from llama_index_rerank_tuner.evaluation.benchmark import RETRIEVER, RerankBenchmark
from llama_index_rerank_tuner.evaluation.gap import GapCase, gap_cases
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult
from llama_index_rerank_tuner.evaluation.statistics import Estimate, cluster_bootstrap
from llama_index_rerank_tuner.evaluation.verdict import Verdict, judge

__all__ = [
    "RETRIEVER",
    "BenchmarkResult",
    "Estimate",
    "GapCase",
    "RerankBenchmark",
    "Verdict",
    "cluster_bootstrap",
    "gap_cases",
    "judge",
]
