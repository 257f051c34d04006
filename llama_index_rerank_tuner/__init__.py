"""From your documents to a reranker that is proven better on them, for any LlamaIndex query engine."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llama_index_rerank_tuner.dataset import RerankDataset, check_leaks, load_guide_zh, load_handbook, load_qasper
    from llama_index_rerank_tuner.evaluation import RerankBenchmark, evaluate_reranker
    from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator
    from llama_index_rerank_tuner.pipeline import TuneResult, tune_reranker
    from llama_index_rerank_tuner.questions import generate_queries, heuristic_queries, judge_pairs, load_documents
    from llama_index_rerank_tuner.records import Passage, RerankExample
    from llama_index_rerank_tuner.reranking import FinetunedRerank
    from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
    from llama_index_rerank_tuner.text import TextContract
    from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine, FinetuneConfig
    from llama_index_rerank_tuner.training.search import SearchResult, SearchSpace, tune_hyperparameters

__all__ = [
    "BM25JiebaRetriever",
    "CrossEncoderFinetuneEngine",
    "FinetuneConfig",
    "FinetunedRerank",
    "HardNegativeDatasetGenerator",
    "Passage",
    "RerankBenchmark",
    "RerankDataset",
    "RerankExample",
    "SearchResult",
    "SearchSpace",
    "TextContract",
    "TuneResult",
    "check_leaks",
    "evaluate_reranker",
    "generate_queries",
    "heuristic_queries",
    "judge_pairs",
    "load_documents",
    "load_guide_zh",
    "load_handbook",
    "load_qasper",
    "tune_hyperparameters",
    "tune_reranker",
]

_ROOMS = {
    "BM25JiebaRetriever": "retrieval",
    "CrossEncoderFinetuneEngine": "training",
    "FinetuneConfig": "training",
    "FinetunedRerank": "reranking",
    "HardNegativeDatasetGenerator": "mining",
    "Passage": "records",
    "RerankBenchmark": "evaluation",
    "RerankDataset": "dataset",
    "RerankExample": "records",
    "SearchResult": "training.search",
    "SearchSpace": "training.search",
    "TextContract": "text",
    "TuneResult": "pipeline",
    "check_leaks": "dataset",
    "evaluate_reranker": "evaluation",
    "generate_queries": "questions",
    "heuristic_queries": "questions",
    "judge_pairs": "questions",
    "load_documents": "questions",
    "load_guide_zh": "dataset",
    "load_handbook": "dataset",
    "load_qasper": "dataset",
    "tune_hyperparameters": "training.search",
    "tune_reranker": "pipeline",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562), so that importing the package costs nothing."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
