"""The room where before is compared with after."""

from llama_index_rerank_tuner.evaluation.benchmark import RETRIEVER, RerankBenchmark
from llama_index_rerank_tuner.evaluation.cost import Cost, costs
from llama_index_rerank_tuner.evaluation.depth import DepthSweep, depth_sweep
from llama_index_rerank_tuner.evaluation.gap import GapCase, GapReport, gap_cases, gap_report
from llama_index_rerank_tuner.evaluation.headroom import Headroom, headroom
from llama_index_rerank_tuner.evaluation.power import smallest_detectable
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult
from llama_index_rerank_tuner.evaluation.robustness import NoiseRow, robustness
from llama_index_rerank_tuner.evaluation.significance import FEWEST_GROUPS, Tally, holm, sign_flip_test, tally
from llama_index_rerank_tuner.evaluation.statistics import Estimate, cluster_bootstrap
from llama_index_rerank_tuner.evaluation.tutorial import evaluate_reranker
from llama_index_rerank_tuner.evaluation.verdict import Verdict, compare, judge

__all__ = [
    "FEWEST_GROUPS",
    "RETRIEVER",
    "BenchmarkResult",
    "Cost",
    "DepthSweep",
    "Estimate",
    "GapCase",
    "GapReport",
    "Headroom",
    "NoiseRow",
    "RerankBenchmark",
    "Tally",
    "Verdict",
    "cluster_bootstrap",
    "compare",
    "costs",
    "depth_sweep",
    "evaluate_reranker",
    "gap_cases",
    "gap_report",
    "headroom",
    "holm",
    "judge",
    "robustness",
    "sign_flip_test",
    "smallest_detectable",
    "tally",
]
