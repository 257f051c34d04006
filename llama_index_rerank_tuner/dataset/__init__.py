"""The room where labelled data comes in, is checked and is split."""

from llama_index_rerank_tuner.dataset.audit import Audit
from llama_index_rerank_tuner.dataset.guide_zh import load_guide_zh
from llama_index_rerank_tuner.dataset.handbook import load_handbook
from llama_index_rerank_tuner.dataset.rerank_dataset import RerankDataset
from llama_index_rerank_tuner.dataset.split import Split

__all__ = ["Audit", "RerankDataset", "Split", "load_guide_zh", "load_handbook"]
