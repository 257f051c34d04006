"""The batch size by probing: the most pairs whose whole training step fits into the device's memory."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.training.memory.device_memory import Memory, memory_of, ran_out
from llama_index_rerank_tuner.training.memory.probed_batches import ProbedBatch, ProbedBatches, probe_key

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

logger = logging.getLogger(__name__)
MARGIN = 0.93
STEP = 8


def largest_fitting(fits: Callable[[int], bool], most: int, step: int = STEP) -> int:
    """The largest number that fits, within one step; 0 where not even 1 does.

    Doubles from 1 until something is refused, then halves the gap between the last that fitted and the first refused,
    in multiples of ``step``. Below ``step`` it narrows by ones.

    Args:
        fits: Whether a number fits; where one is refused, every larger one is.
        most: Largest number worth trying.
        step: How finely it narrows.

    Example:
        >>> largest_fitting(lambda pairs: pairs <= 77, most=1000), largest_fitting(lambda pairs: True, most=48)
        (72, 48)
    """
    fitting, tried = 0, 1
    while fitting < tried and fits(tried):
        fitting, tried = tried, min(2 * tried, most)
    refused = tried
    unit = step if fitting >= step else 1
    while refused - fitting > unit:
        tried = max(fitting + unit, (fitting + refused) // 2 // unit * unit)
        fitting, refused = (tried, refused) if fits(tried) else (fitting, tried)
    return fitting


@dataclass(frozen=True, slots=True)
class BatchSizeProbe:
    """Finds how many pairs a training step can take, with real steps on pairs of the full length.

    A step is forward, backward and AdamW's update, with the gradients of a step before still there, as under gradient
    accumulation. The model comes out as it went in, to the bit: weights, buffers, gradients, random state, and whether
    it trains or evaluates.

    Args:
        length: Pair length in tokens.
        most: Largest batch worth having: the pairs of an effective batch.
        memory: The device's memory; None takes the model's device: a GPU is measured, a CPU estimated against half of
            its free memory.
        margin: Share of the memory that may be taken.
        autocast: Makes the context of the forward pass, for its precision.
        cache_folder: Where answers are remembered; None takes the environment's ``RERANK_TUNER_CACHE``, or
            ``~/.cache/llama-index-rerank-tuner``.

    Raises:
        ConfigError: A number cannot work.
    """

    length: int
    most: int
    memory: Memory | None = None
    margin: float = MARGIN
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext
    cache_folder: Path | None = None

    def __post_init__(self) -> None:
        for name in ("length", "most"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be a positive integer, got {getattr(self, name)}.")
        if not 0 < self.margin <= 1:
            raise ConfigError(f"margin must be a share of the memory above 0 and up to 1, got {self.margin}.")

    def batch_size(self, model: CrossEncoder, model_id: str) -> ProbedBatch:
        """The largest batch that fits, from memory where the same was asked before.

        Args:
            model: The model, ready to train: on its device, adapters and freezing in place.
            model_id: The model's name, for remembering.

        Raises:
            ConfigError: Not even one pair fits.
        """
        memory = self.memory if self.memory is not None else memory_of(model.device)
        answers, key = ProbedBatches.at(self.cache_folder), probe_key(model, model_id, self.length, self._precision())
        known = answers.get(key)
        if known is not None and known.holds(memory.limit, self.margin, self.most):
            return known.for_at_most(self.most)
        found = self._probe(model, model_id, memory)
        answers.put(key, found)
        logger.info("Batch size %d: %s", found.batch_size, found.reason)
        return found

    def _probe(self, model: CrossEncoder, model_id: str, memory: Memory) -> ProbedBatch:
        peaks: dict[int, int] = {}
        with _untouched(model):
            step = _TrainingStep(model, self.length, self.autocast)

            def fits(pairs: int) -> bool:
                peak = _peak_of(step, pairs, model, memory)
                peaks[pairs] = peak if peak is not None else memory.limit
                return peak is not None and peak <= self.margin * memory.limit

            first = fits(1)  # makes AdamW's moments, which every later step finds in memory
            found = largest_fitting(fits, self.most) if first else 0
        if not found:
            raise ConfigError(_too_large(model_id, self.length, peaks[1], self.margin * memory.limit))
        return ProbedBatch(found, self.length, self.most, peaks[found], memory.limit)

    def _precision(self) -> str:
        import torch

        with self.autocast():
            kinds = [kind for kind in ("cuda", "cpu", "mps") if torch.is_autocast_enabled(kind)]
            return str(torch.get_autocast_dtype(kinds[0])) if kinds else "torch.float32"


class _TrainingStep:
    """One step of training on so many pairs of the full length."""

    def __init__(self, model: CrossEncoder, length: int, autocast: Callable[[], AbstractContextManager[Any]]) -> None:
        import torch

        self.model, self.length, self.autocast = model, length, autocast
        self.optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=1e-5)

    def __call__(self, pairs: int) -> None:
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        with self.autocast():
            scores = self.model(self._features(pairs))["scores"].view(-1).float()
        torch.autograd.backward(binary_cross_entropy_with_logits(scores, scores.new_zeros(pairs)))
        self.optimizer.step()

    def _features(self, pairs: int) -> dict[str, Any]:
        from sentence_transformers.util import batch_to_device

        longest = ("a", "a " * (2 * self.length))
        before = self.model.max_seq_length
        self.model.max_seq_length = self.length
        try:
            features: dict[str, Any] = self.model.preprocess([longest] * pairs)
        finally:
            self.model.max_seq_length = before
        return batch_to_device(features, self.model.device)


def _peak_of(step: _TrainingStep, pairs: int, model: CrossEncoder, memory: Memory) -> int | None:
    """Bytes at the peak of a step; None where the device refused it."""
    try:
        with memory.watched(model):
            step(pairs)
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        refused = True
    else:
        refused = False
    # Outside the handler the error no longer holds the failed step's tensors.
    if refused:
        _let_go(model)
        return None
    return memory.peak()


def _let_go(model: CrossEncoder) -> None:
    import torch

    if model.device.type != "cpu":
        gc.collect()
    if model.device.type == "cuda":
        torch.cuda.empty_cache()


@contextmanager
def _untouched(model: CrossEncoder) -> Iterator[None]:
    """Let a model be trained in the block, and put everything back after it."""
    import torch

    tensors = {each: each.detach().to("cpu", copy=True) for each in (*model.parameters(), *model.buffers())}
    gradients = [(each, each.grad) for each in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    gpus = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        for each, _ in gradients:
            each.grad = None
        model.train()
        try:
            yield
        finally:
            _restore(tensors, gradients, modes)
            _let_go(model)


def _restore(tensors: dict[Any, Any], gradients: list[tuple[Any, Any]], modes: list[tuple[Any, bool]]) -> None:
    import torch

    with torch.no_grad():
        for each, saved in tensors.items():
            each.copy_(saved)
    for each, gradient in gradients:
        each.grad = gradient
    for module, training in modes:
        module.training = training


def _too_large(model_id: str, length: int, taken: int, allowed: float) -> str:
    return (
        f"{model_id} does not fit into memory: training on one pair of {length} tokens takes {taken / 1e9:.2f} GB or "
        f"more, and {allowed / 1e9:.2f} GB may be taken. Lower max_length, train with LoRA (lora_rank=8), freeze lower "
        "layers (frozen_layers=...), or choose a smaller model."
    )
