"""The torch backend: a sentence-transformers ``CrossEncoder`` of any kind, in fp32, bf16 or fp16."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.batching import (
    BATCH_COST,
    CPU_BF16_BATCH_COST,
    CPU_BF16_TOKEN_BUDGET,
    CPU_TOKEN_BUDGET,
)
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.reranking.backends.batched import BatchedScorer
from llama_index_rerank_tuner.reranking.backends.first_token import first_token_only
from llama_index_rerank_tuner.reranking.backends.protocol import Features
from llama_index_rerank_tuner.reranking.backends.saved_scoring import torch_activation
from llama_index_rerank_tuner.reranking.backends.tokenizing import PairTokenizer

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

GPU_TOKEN_BUDGET, GPU_BATCH_COST = 65_536, 4_096
TORCH_PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


class TorchBackend:
    """Computes logits with torch, one batch at a time.

    Args:
        model: The cross-encoder, on its device. Its weights are changed to the precision that is asked for.
        precision: ``fp32``, ``bf16`` or ``fp16``; None keeps the weights as they were loaded.

    Raises:
        ConfigError: There is no such precision, or the network cannot compute in it.
    """

    def __init__(self, model: CrossEncoder, precision: str | None = None) -> None:
        import torch

        self.model = model
        if precision is not None:
            model.to(getattr(torch, _torch_dtype(precision)))
        self.precision = _precision_of(model)
        self._lock = Lock()
        self._constants = _constants(model)
        if precision not in (None, "fp32"):
            self._check(model)

    @property
    def name(self) -> str:
        """``torch`` and the precision."""
        return f"torch {self.precision}"

    @property
    def token_budget(self) -> int:
        """1,024 on a CPU, where small batches stay in its caches, 4,096 in bf16; 65,536 on a GPU."""
        if not self._on_cpu:
            return GPU_TOKEN_BUDGET
        return CPU_TOKEN_BUDGET if self.precision == "fp32" else CPU_BF16_TOKEN_BUDGET

    @property
    def batch_cost(self) -> int:
        """Higher on a GPU, and in bf16, where computing is cheaper and starting is not."""
        if not self._on_cpu:
            return GPU_BATCH_COST
        return BATCH_COST if self.precision == "fp32" else CPU_BF16_BATCH_COST

    def logits(self, features: Features) -> NDArray[np.float32]:
        """Logits of ``n`` pairs, shape ``(n,)``."""
        import torch

        device = self.model.device
        tensors = {name: torch.from_numpy(np.ascontiguousarray(value)).to(device) for name, value in features.items()}
        with self._lock, torch.inference_mode():
            self.model.eval()
            with first_token_only(self.model.model):
                scores = self.model({**tensors, **self._constants})["scores"]
            computed: NDArray[np.float32] = scores.float().reshape(-1).cpu().numpy()
        return computed

    @property
    def _on_cpu(self) -> bool:
        return bool(self.model.device.type == "cpu")

    def _check(self, model: CrossEncoder) -> None:
        """Score one pair, so that a network that cannot compute in the precision is refused before it serves."""
        try:
            self.logits(PairTokenizer.of_model(model)([("a", "a b")]).features)
        except RuntimeError as error:
            raise ConfigError(
                f"{type(model.model).__name__} does not compute in {self.precision} here "
                f"({str(error).splitlines()[0]}). Use precision='fp32'."
            ) from error


class TorchScorer(BatchedScorer):
    """Scores pairs with a loaded ``CrossEncoder``.

    Args:
        model: The cross-encoder.
        name: Name for error messages.
        batch_size: Most pairs of a batch; None leaves it to the device's token budget.
        show_progress: Show a progress bar over the pairs of a call.
        precision: ``fp32``, ``bf16`` or ``fp16``; None keeps the weights as they were loaded.
        why: Why this backend was chosen, one sentence.
    """

    def __init__(
        self,
        model: CrossEncoder,
        name: str,
        batch_size: int | None = None,
        show_progress: bool = False,
        *,
        precision: str | None = None,
        why: str = "",
    ) -> None:
        super().__init__(
            TorchBackend(model, precision),
            PairTokenizer.of_model(model),
            name,
            activation=torch_activation(model.activation_fn),
            batch_size=batch_size,
            show_progress=show_progress,
            why=why,
        )
        self.model = model


def _torch_dtype(precision: str) -> str:
    if precision not in TORCH_PRECISIONS:
        raise ConfigError(f"torch computes in {', '.join(TORCH_PRECISIONS)}; got precision={precision!r}.")
    return TORCH_PRECISIONS[precision]


def _precision_of(model: CrossEncoder) -> str:
    stored = str(next(model.parameters()).dtype).removeprefix("torch.")
    return next((name for name, dtype in TORCH_PRECISIONS.items() if dtype == stored), stored)


def _constants(model: CrossEncoder) -> dict[str, Any]:
    """What ``preprocess`` adds to the tokenized pairs that is the same for all, such as how to call the network."""
    features = model.preprocess([("a", "b")])
    return {name: value for name, value in features.items() if not hasattr(value, "shape")}
