"""The room where candidates are gathered and hard negatives are chosen."""

from llama_index_rerank_tuner.mining.candidates import attach_candidates, candidate_lists
from llama_index_rerank_tuner.mining.generator import HardNegativeDatasetGenerator
from llama_index_rerank_tuner.mining.imitation import imitation_lists
from llama_index_rerank_tuner.mining.report import MiningReport

__all__ = [
    "HardNegativeDatasetGenerator",
    "MiningReport",
    "attach_candidates",
    "candidate_lists",
    "imitation_lists",
]
