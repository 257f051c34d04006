"""The torch backend: a sentence-transformers ``CrossEncoder`` that is ranked on its logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llama_index_rerank_tuner.errors import ConfigError, ScoreError
from llama_index_rerank_tuner.models import load_failed, resolve_model

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
        max_length: Longest pair in tokens, at most what the model has positions for; None for its own.
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
    positions = getattr(loaded.config, "max_position_embeddings", None)
    if max_length is not None and positions is not None and max_length > positions:
        loaded.max_seq_length = positions
    return loaded


def finite(scores: ArrayLike, model: str) -> NDArray[np.float64]:
    """Scores as float64, shape ``(n,)``.

    Raises:
        ScoreError: One of them is NaN or infinite.
    """
    logits = np.asarray(scores, dtype=np.float64).reshape(-1)
    if not np.isfinite(logits).all():
        raise ScoreError(
            f"{model} gave {int((~np.isfinite(logits)).sum())} NaN or infinite scores for {len(logits)} passages. "
            "The checkpoint is damaged or diverged in training: train again with a lower learning rate."
        )
    return logits


def default_batch_size(model: CrossEncoder) -> int:
    """Pairs that the model's device scores at once."""
    return CPU_BATCH if model.device.type == "cpu" else BATCH


class TorchScorer:
    """Scores pairs with a ``CrossEncoder``; safe to call from several threads.

    Args:
        model: The cross-encoder.
        name: Name for error messages.
        batch_size: Pairs scored at once; None takes 8 on a CPU, where larger batches are slower, and 32 elsewhere.
        show_progress: Show a progress bar over the batches of a call.
    """

    def __init__(
        self, model: CrossEncoder, name: str, batch_size: int | None = None, show_progress: bool = False
    ) -> None:
        batch_size = default_batch_size(model) if batch_size is None else batch_size
        if batch_size < 1:
            raise ConfigError(f"batch_size must be a positive integer, got {batch_size}.")
        self.model, self._name, self.batch_size, self.show_progress = model, name, batch_size, show_progress
        self._lock = Lock()

    @property
    def name(self) -> str:
        """Path or id of the model."""
        return self._name

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Logits of ``n`` (query, passage) pairs, shape ``(n,)``.

        Raises:
            ScoreError: The model gave a NaN or an infinite score.
        """
        if not pairs:
            return np.empty(0)
        from torch.nn import Identity

        with self._lock:
            scored = self.model.predict(
                list(pairs), batch_size=self.batch_size, activation_fn=Identity(), show_progress_bar=self.show_progress
            )
        return finite(scored, self.name)

    def activate(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits as the scores that the checkpoint's own activation shows (what ``predict`` returns)."""
        import torch

        activation: Any = self.model.activation_fn
        activated: NDArray[np.float64] = activation(torch.from_numpy(logits)).numpy()
        return activated
