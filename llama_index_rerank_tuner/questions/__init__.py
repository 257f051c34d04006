"""The room that makes data where there is none: documents to nodes, questions over them, judgements of pairs."""

from llama_index_rerank_tuner.questions.documents import LoadReport, load_documents
from llama_index_rerank_tuner.questions.generation import generate_queries
from llama_index_rerank_tuner.questions.heuristic import heuristic_queries
from llama_index_rerank_tuner.questions.judging import Judgement, JudgingReport, LLMJudge, judge_pairs
from llama_index_rerank_tuner.questions.report import GenerationReport

__all__ = [
    "GenerationReport",
    "Judgement",
    "JudgingReport",
    "LLMJudge",
    "LoadReport",
    "generate_queries",
    "heuristic_queries",
    "judge_pairs",
    "load_documents",
]
