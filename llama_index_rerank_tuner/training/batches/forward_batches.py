"""The logits of a step's pairs: tokenized once, and computed in batches of like length within a token budget."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from sentence_transformers.util import batch_to_device
from torch import Tensor

from llama_index_rerank_tuner.batching import BATCH_COST, CPU_BF16_BATCH_COST, plan_batches
from llama_index_rerank_tuner.reranking.backends.part import part_of

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

CPU_TOKEN_BUDGET = 2_048
GPU_TOKEN_BUDGET, GPU_BATCH_COST = 65_536, 4_096


def batched_logits(
    model: CrossEncoder,
    pairs: Sequence[tuple[str, str]],
    *,
    token_budget: int | None = None,
    batch_cost: int | None = None,
    **preprocessing: Any,
) -> Tensor:
    """Logits with their gradients, as one forward pass would give them but for rounding, with less padding.

    Args:
        model: Cross-encoder with one output.
        pairs: ``n`` (query, passage) pairs, at least one.
        token_budget: Most tokens of a forward pass, padding included; None for the device's.
        batch_cost: Tokens that take as long as starting a forward pass; None for the device's.
        preprocessing: What the trainer adds (``prompt``, ``task``), handed on to the tokenizer.

    Returns:
        Shape ``(n,)``, float32, in the order of the pairs.
    """
    features = model.preprocess(list(pairs), **preprocessing)
    on_cpu = model.device.type == "cpu"
    lengths = features["attention_mask"].sum(dim=1)
    batches = plan_batches(
        lengths.numpy(),
        token_budget or (CPU_TOKEN_BUDGET if on_cpu else GPU_TOKEN_BUDGET),
        batch_cost=_batch_cost(on_cpu) if batch_cost is None else batch_cost,
    )
    logits = torch.cat([_logits(model, part_of(features, batch)) for batch in batches])
    return logits[torch.tensor(list(chain(*batches)), device=logits.device).argsort()]


def _batch_cost(on_cpu: bool) -> int:
    if not on_cpu:
        return GPU_BATCH_COST
    return CPU_BF16_BATCH_COST if torch.is_autocast_enabled("cpu") else BATCH_COST


def _logits(model: CrossEncoder, features: dict[str, Any]) -> Tensor:
    logits: Tensor = model(batch_to_device(features, model.device))["scores"].view(-1).float()
    return logits
