"""``BatchedScorer``: a backend as a ``Scorer``, in batches of like length within a token budget."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llama_index_rerank_tuner.batching import plan_batches
from llama_index_rerank_tuner.errors import ConfigError, ScoreError
from llama_index_rerank_tuner.reranking.backends.part import part_of
from llama_index_rerank_tuner.reranking.backends.protocol import Backend
from llama_index_rerank_tuner.reranking.backends.saved_scoring import Activation
from llama_index_rerank_tuner.reranking.backends.tokenizing import PairTokenizer

CHUNK = 4_096
"""Pairs that are tokenized at once, so that a large call does not fill the memory."""


class BatchedScorer:
    """Scores pairs with a backend; safe to call from several threads.

    Args:
        backend: Computes the logits.
        tokenizer: Tokenizes the pairs.
        name: Name for error messages: the model's path or id.
        activation: Turns logits into the scores that the checkpoint shows; None shows logits.
        batch_size: Most pairs of a batch; None leaves it to the backend's token budget.
        show_progress: Show a progress bar over the pairs of a call.
        why: Why this backend was chosen, one sentence.

    Raises:
        ConfigError: ``batch_size`` is not positive.
    """

    def __init__(
        self,
        backend: Backend,
        tokenizer: PairTokenizer,
        name: str,
        *,
        activation: Activation | None = None,
        batch_size: int | None = None,
        show_progress: bool = False,
        why: str = "",
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise ConfigError(f"batch_size must be a positive integer, got {batch_size}.")
        self.backend, self.tokenizer, self._name = backend, tokenizer, name
        self._activation, self.batch_size = activation, batch_size
        self.show_progress, self.why = show_progress, why
        self._scored = self._truncated = 0
        self._lock = Lock()

    @property
    def name(self) -> str:
        """Path or id of the model."""
        return self._name

    @property
    def scored(self) -> int:
        """Pairs scored so far."""
        return self._scored

    @property
    def truncated(self) -> int:
        """How many of them were longer than ``max_length`` and cut."""
        return self._truncated

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Logits of ``n`` (query, passage) pairs, shape ``(n,)``.

        Raises:
            ScoreError: The model gave a NaN or an infinite score.
        """
        logits = np.empty(len(pairs), dtype=np.float64)
        with self._progress(len(pairs)) as bar:
            for start in range(0, len(pairs), CHUNK):
                chunk = pairs[start : start + CHUNK]
                logits[start : start + len(chunk)] = self._score(chunk, bar)
        return finite(logits, self.name)

    def activate(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits as the scores that the checkpoint's own activation shows (what ``CrossEncoder.predict`` returns)."""
        return logits if self._activation is None else self._activation(logits)

    def _score(self, pairs: Sequence[tuple[str, str]], bar: Any) -> NDArray[np.float64]:
        tokenized = self.tokenizer(pairs)
        logits = np.empty(len(pairs), dtype=np.float64)
        for batch in plan_batches(
            tokenized.lengths, self.backend.token_budget, self.batch_size, self.backend.batch_cost
        ):
            logits[batch] = self.backend.logits(part_of(tokenized.features, batch))
            bar.update(len(batch))
        with self._lock:
            self._scored += len(pairs)
            self._truncated += tokenized.truncated
        return logits

    def _progress(self, pairs: int) -> Any:
        from tqdm.auto import tqdm

        return tqdm(total=pairs, desc="Scoring", unit="pair", disable=not self.show_progress)


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
