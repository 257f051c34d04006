"""What a scoring backend is: tokenized pairs in, logits out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Features: TypeAlias = Mapping[str, NDArray[np.int64]]
"""Tokenized pairs: ``input_ids``, ``attention_mask`` and what else the tokenizer gives, each ``(n, longest)``."""


class Backend(Protocol):
    """Computes the logits of one batch of tokenized pairs; may be called from several threads at once."""

    @property
    def name(self) -> str:
        """Backend and precision, such as ``onnx int8``."""

    @property
    def token_budget(self) -> int:
        """Most tokens of a batch, padding included, that it is fast at."""

    @property
    def batch_cost(self) -> int:
        """Tokens that take as long to compute as it takes to start a batch."""

    def logits(self, features: Features) -> NDArray[np.float32]:
        """Logits of ``n`` pairs, shape ``(n,)``."""
