"""The room where a cross-encoder is tuned."""

from llama_index_rerank_tuner.training.config import FinetuneConfig
from llama_index_rerank_tuner.training.engine import CrossEncoderFinetuneEngine

__all__ = ["CrossEncoderFinetuneEngine", "FinetuneConfig"]
