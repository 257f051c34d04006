"""What the machine trains fastest in: precision, pair length, attention kernel, dropout and frozen embeddings."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from llama_index_rerank_tuner.training.model.adapters import frozen

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

logger = logging.getLogger(__name__)
CPU_MAX_LENGTH = 256


@dataclass(frozen=True, slots=True)
class TrainingHardware:
    """Choices for one device.

    On a CPU with bf16 instructions torch's fused attention is slow backwards, and drawing dropout masks costs as much
    as a layer, so plain attention without dropout is used. Word embeddings, half of a small model's weights, keep their
    values there: small data moves few of them, and the optimizer passes over all. ``benchmarks/training.py``
    measures what it brings.

    Args:
        device: ``cpu``, ``cuda`` or ``mps``.
        bf16: Whether to train in bfloat16 autocast.
    """

    device: str
    bf16: bool

    @classmethod
    def of(cls, model: CrossEncoder, precision: str = "auto") -> TrainingHardware:
        """The choices for a model on the device it is on.

        Args:
            model: The cross-encoder.
            precision: ``auto`` takes bfloat16 where device and model can compute in it.
        """
        device = model.device.type
        if precision != "auto":
            return cls(device, bf16=precision == "bf16")
        return cls(device, bf16=_device_has_bf16(device) and _model_computes_in_bf16(model))

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


def _device_has_bf16(device: str) -> bool:
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device == "cpu" and _cpu_has_bf16()


def _model_computes_in_bf16(model: CrossEncoder) -> bool:
    """Score a pair in bfloat16 to see: the first DeBERTa, for one, masks with a number that bfloat16 cannot hold."""
    import torch

    modes = [(module, module.training) for module in model.modules()]
    try:
        with torch.autocast(model.device.type, torch.bfloat16):
            return bool(np.isfinite(model.predict([("a", "a b")], show_progress_bar=False)).all())
    except RuntimeError as error:
        logger.info("%s trains in fp32: it does not compute in bfloat16 (%s).", type(model.model).__name__, error)
        return False
    finally:
        for module, training in modes:
            module.training = training


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
    with frozen(network.get_input_embeddings().parameters()):
        yield


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
