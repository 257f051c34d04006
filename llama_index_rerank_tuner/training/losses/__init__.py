"""The losses: how far a step's scores are from what its rows ask for. One file a loss, one line in ``registry.py``."""

from llama_index_rerank_tuner.training.losses.registry import (
    DEFAULT_LIST_LOSS,
    LOSSES,
    LossSpec,
    activation_for,
    build_loss,
    loss_spec,
)

__all__ = ["DEFAULT_LIST_LOSS", "LOSSES", "LossSpec", "activation_for", "build_loss", "loss_spec"]
