"""Loading a sentence-transformers ``CrossEncoder`` with one output, for training and for the torch backend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.models import load_failed, resolve_model
from llama_index_rerank_tuner.reranking.backends.positions import usable_positions

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

CPU_BATCH, BATCH = 8, 32


def load_cross_encoder(
    model: str | Path,
    *,
    device: str | None = None,
    max_length: int | None = None,
    use_fp16: bool = False,
    new_head: bool = False,
    kwargs: Mapping[str, Any] | None = None,
) -> CrossEncoder:
    """Load a cross-encoder with one output.

    Args:
        model: Checkpoint directory or hub id.
        device: ``cpu``, ``cuda``, ``mps``; None takes a GPU where there is one.
        max_length: Longest pair in tokens; None for the model's own. Never more than it has positions for.
        use_fp16: Load the weights in half precision (GPU only: a CPU computes it slowly).
        new_head: Put a new one-output head on an encoder that has none.
        kwargs: More arguments for ``CrossEncoder``.

    Raises:
        CheckpointNotFoundError: There is no such model.
        ConfigError: The model has more than one output.
    """
    import torch
    from sentence_transformers import CrossEncoder

    path = resolve_model(model)
    settings: dict[str, Any] = dict(kwargs or {})
    if use_fp16:
        settings["model_kwargs"] = {"torch_dtype": torch.float16, **settings.get("model_kwargs", {})}
    if new_head:
        settings["num_labels"] = 1
    try:
        loaded: CrossEncoder = CrossEncoder(path, **{**settings, "device": device, "max_length": max_length})
    except (OSError, ValueError) as error:
        raise load_failed(str(model), error) from error
    if loaded.num_labels != 1:
        raise ConfigError(
            f"{model} has {loaded.num_labels} outputs; a reranker needs one. Choose a model with num_labels=1, "
            "such as 'BAAI/bge-reranker-base'."
        )
    _keep_within_positions(loaded)
    return loaded


def default_batch_size(model: CrossEncoder) -> int:
    """Pairs that the model's device scores at once."""
    return CPU_BATCH if model.device.type == "cpu" else BATCH


def _keep_within_positions(model: CrossEncoder) -> None:
    positions = usable_positions(model.config)
    if positions is not None and (model.max_seq_length is None or model.max_seq_length > positions):
        model.max_seq_length = positions
