"""The room where candidates are gathered and hard negatives are chosen."""

from llama_index_rerank_tuner.mining.asking import Asking
from llama_index_rerank_tuner.mining.candidates import attach_candidates, candidate_lists
from llama_index_rerank_tuner.mining.generator import HardNegativeDatasetGenerator
from llama_index_rerank_tuner.mining.imitation import imitation_lists
from llama_index_rerank_tuner.mining.plots import plot_scores
from llama_index_rerank_tuner.mining.pseudo_positives import PseudoReport, pseudo_positives
from llama_index_rerank_tuner.mining.report import GuardCase, MiningReport
from llama_index_rerank_tuner.mining.scope import Scope
from llama_index_rerank_tuner.mining.selection import Selection, tutorial_recipe
from llama_index_rerank_tuner.mining.soft_labels import soft_labels
from llama_index_rerank_tuner.mining.trail import TrailStep, trail, trail_text

__all__ = [
    "Asking",
    "GuardCase",
    "HardNegativeDatasetGenerator",
    "MiningReport",
    "PseudoReport",
    "Scope",
    "Selection",
    "TrailStep",
    "attach_candidates",
    "candidate_lists",
    "imitation_lists",
    "plot_scores",
    "pseudo_positives",
    "soft_labels",
    "trail",
    "trail_text",
    "tutorial_recipe",
]
