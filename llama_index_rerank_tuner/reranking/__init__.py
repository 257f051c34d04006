"""The room of the reranker that users keep: backends, cache, mix and the node postprocessor."""

from llama_index_rerank_tuner.reranking.finetuned_rerank import FinetunedRerank
from llama_index_rerank_tuner.reranking.mixing import RankMix, ScoredList, fit_mix

__all__ = ["FinetunedRerank", "RankMix", "ScoredList", "fit_mix"]
