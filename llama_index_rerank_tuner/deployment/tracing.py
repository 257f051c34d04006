"""A checkpoint made ready for conversion, and the proof that what came out is the same model."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llama_index_rerank_tuner.errors import RerankTunerError
from llama_index_rerank_tuner.reranking.backends.cross_encoders import load_cross_encoder
from llama_index_rerank_tuner.reranking.backends.first_token import first_token_only
from llama_index_rerank_tuner.reranking.backends.protocol import Backend, Features
from llama_index_rerank_tuner.reranking.backends.saved_scoring import only_plain
from llama_index_rerank_tuner.reranking.backends.tokenizing import PairTokenizer
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

CLOSE = 1e-3
"""Largest difference from torch's logits, against the largest of them (at least 1), that counts as the same model."""

_TRACED = [("who may apply", "the form is for a firm with up to five staff"), ("what is the fee", "none")]
_CHECKED = (_TRACED, _TRACED[:1], [("何时截止", "三月"), ("when is it due", "the fee is due in may " * 200), ("", "")])
"""Batches of other sizes and lengths than the traced one: nothing of that may have become a constant."""


@dataclass(frozen=True, slots=True)
class Traceable:
    """A network that takes token columns one by one and gives logits, with the pairs to trace and to check it on.

    Args:
        network: In fp32, on the CPU, in evaluation mode.
        architecture: Name of the transformers class, for messages.
        inputs: Names of the columns, in order.
        tokenizer: The checkpoint's, at the contract's length.
    """

    network: Module
    architecture: str
    inputs: tuple[str, ...]
    tokenizer: PairTokenizer

    @classmethod
    def load(cls, checkpoint: str | Path) -> Traceable:
        """Load a checkpoint.

        Raises:
            CheckpointNotFoundError: There is no such model.
            ConfigError: Only torch computes its scores, as those of a causal model.
        """
        only_plain(checkpoint)
        contract = TextContract.load(checkpoint) or TextContract()
        tokenizer = PairTokenizer.of_checkpoint(checkpoint, contract.max_length)
        model: Any = load_cross_encoder(Path(checkpoint), device="cpu", max_length=contract.max_length)
        network = model.model.float()
        taken = inspect.signature(network.forward).parameters
        inputs = tuple(name for name in tokenizer(_TRACED).features if name in taken)
        return cls(_logits_only(network.eval(), inputs), type(network).__name__, inputs, tokenizer)

    @property
    def example(self) -> dict[str, Tensor]:
        """Two pairs of unequal length."""
        return self._tensors(self.tokenizer(_TRACED).features)

    def check_same(self, converted: Backend) -> None:
        """Compare a converted network's logits with torch's.

        Raises:
            RerankTunerError: They differ by more than ``CLOSE``.
        """
        import torch

        for pairs in _CHECKED:
            features = self.tokenizer(pairs).features
            with torch.inference_mode():
                ours = self.network(*self._tensors(features).values()).numpy().reshape(-1)
            apart = float(np.abs(converted.logits(features) - ours).max())
            if not apart <= CLOSE * max(1.0, float(np.abs(ours).max())):
                batch = f"{len(pairs)} pairs of up to {features['input_ids'].shape[1]} tokens"
                raise RerankTunerError(
                    f"{self.architecture} converted for {converted.name} gives logits that are {apart:.2g} from "
                    f"torch's for {batch}. Serve it with torch."
                )

    def _tensors(self, features: Features) -> dict[str, Tensor]:
        import torch

        return {name: torch.from_numpy(np.ascontiguousarray(features[name])) for name in self.inputs}


def _logits_only(network: Any, inputs: tuple[str, ...]) -> Module:
    from torch.nn import Module

    class LogitsOnly(Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *columns: Tensor) -> Tensor:
            named: Mapping[str, Tensor] = dict(zip(inputs, columns, strict=True))
            with first_token_only(self.network):
                logits: Tensor = self.network(**named, return_dict=True).logits
            return logits

    return LogitsOnly().eval()


def first_line(error: BaseException) -> str:
    """What an error says, in one line of at most 200 characters."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}"[:200] if lines else type(error).__name__


@contextmanager
def quiet() -> Iterator[None]:
    """Hush what tracing warns of; ``check_same`` finds what went wrong."""
    names = ("torch.onnx", "onnxscript", "onnx_ir", "transformers", "root")
    loggers = [logging.getLogger(None if name == "root" else name) for name in names]
    levels = [each.level for each in loggers]
    try:
        for each in loggers:
            each.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
