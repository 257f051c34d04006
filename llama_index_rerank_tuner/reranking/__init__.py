"""The room of the reranker that users keep: backends, cache, queue, mix, calibration and the node postprocessor."""

from llama_index_rerank_tuner.reranking.calibrating import fit_calibration
from llama_index_rerank_tuner.reranking.calibration import Calibration
from llama_index_rerank_tuner.reranking.finetuned_rerank import FinetunedRerank
from llama_index_rerank_tuner.reranking.mixing import RankMix, ScoredList, fit_mix

__all__ = ["Calibration", "FinetunedRerank", "RankMix", "ScoredList", "fit_calibration", "fit_mix"]
