"""What the machine trains fastest in: precision, pair length, attention kernel, dropout and frozen embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

CPU_MAX_LENGTH = 256
PAIRS_PER_FORWARD = {"cpu": 8}


@dataclass(frozen=True, slots=True)
class TrainingHardware:
    """Choices for one device.

    On a CPU with bf16 instructions torch's fused attention is slow backwards, and drawing dropout masks costs as much
    as a layer, so plain attention without dropout is used. Word embeddings, half of a small model's weights, keep their
    values there: small data moves few of them, and the optimizer passes over all. ``benchmarks/cpu_training.py``
    measures what it brings.

    Args:
        device: ``cpu``, ``cuda`` or ``mps``.
        bf16: Whether to train in bfloat16 autocast.
    """

    device: str
    bf16: bool

    @classmethod
    def of(cls, model: CrossEncoder) -> TrainingHardware:
        """The choices for the device a model is on."""
        import torch

        device = model.device.type
        if device == "cuda":
            return cls(device, bf16=torch.cuda.is_bf16_supported(including_emulation=False))
        return cls(device, bf16=device == "cpu" and _cpu_has_bf16())

    def max_length(self, asked: int | None, contract_length: int) -> int:
        """Longest pair in tokens."""
        if asked is not None:
            return min(asked, contract_length)
        return min(CPU_MAX_LENGTH, contract_length) if self.device == "cpu" else contract_length

    @property
    def pairs_per_forward(self) -> int:
        """Pairs that share one padded forward pass of a listwise step."""
        return PAIRS_PER_FORWARD.get(self.device, 64)

    @contextmanager
    def prepared(self, model: CrossEncoder) -> Iterator[None]:
        """Set a model up for training here, and put everything but its weights back afterwards."""
        if self.device == "cpu":
            with _without_dropout(model), _frozen_word_embeddings(model), _plain_attention(model, self.bf16):
                yield
        else:
            yield

    def autocast(self) -> Any:
        """A context in which the forward pass runs in the training precision."""
        import torch

        return torch.autocast(self.device, torch.bfloat16, enabled=self.bf16)


def _cpu_has_bf16() -> bool:
    import torch

    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return bool(supported is not None and supported())


@contextmanager
def _without_dropout(model: CrossEncoder) -> Iterator[None]:
    from torch import nn

    layers = [layer for layer in model.modules() if isinstance(layer, nn.Dropout)]
    rates = [layer.p for layer in layers]
    for layer in layers:
        layer.p = 0.0
    try:
        yield
    finally:
        for layer, rate in zip(layers, rates, strict=True):
            layer.p = rate


@contextmanager
def _frozen_word_embeddings(model: CrossEncoder) -> Iterator[None]:
    network: Any = model.model
    weights = list(network.get_input_embeddings().parameters())
    before = [each.requires_grad for each in weights]
    for each in weights:
        each.requires_grad_(False)
    try:
        yield
    finally:
        for each, trained in zip(weights, before, strict=True):
            each.requires_grad_(trained)


@contextmanager
def _plain_attention(model: CrossEncoder, wanted: bool) -> Iterator[None]:
    network: Any = model.model
    before = getattr(network.config, "_attn_implementation", None)
    if not wanted or before in (None, "eager"):
        yield
        return
    network.set_attn_implementation("eager")
    try:
        yield
    finally:
        network.set_attn_implementation(before)
