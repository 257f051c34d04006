"""The room where a cross-encoder is tuned."""

from llama_index_rerank_tuner.training.engine import CrossEncoderFinetuneEngine
from llama_index_rerank_tuner.training.settings.config import FinetuneConfig

__all__ = ["CrossEncoderFinetuneEngine", "FinetuneConfig"]
