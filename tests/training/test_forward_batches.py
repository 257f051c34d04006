"""A step's logits in planned forward passes, against one forward pass of all."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sentence_transformers import CrossEncoder
from sentence_transformers.util import batch_to_device

from llama_index_rerank_tuner.training.batches.forward_batches import batched_logits

PAIRS = [
    ("what fee", "rule"),
    ("who may file", "city fee and the rule for a cat " * 4),
    ("what fee", "city fee"),
    ("how much tax", "wage or tax of the firm"),
    ("what fee", "form " * 40),
]


def one_pass(model: CrossEncoder) -> torch.Tensor:
    return model(batch_to_device(model.preprocess(PAIRS), model.device))["scores"].view(-1).float()


def gradient(model: CrossEncoder, logits: torch.Tensor) -> torch.Tensor:
    model.zero_grad()
    (logits * torch.arange(1.0, 6.0)).sum().backward()
    return torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])


@pytest.mark.parametrize("budget", [1, 60, 10_000])
def test_logits_and_gradients_are_those_of_one_pass(tiny_cross_encoder: str, budget: int) -> None:
    model = CrossEncoder(tiny_cross_encoder).eval()
    ours, expected = batched_logits(model, PAIRS, token_budget=budget, batch_cost=0), one_pass(model)
    assert torch.allclose(ours, expected, atol=1e-5)
    assert torch.allclose(gradient(model, ours), gradient(model, expected), atol=1e-4)


def test_padding_on_the_left_is_cut_off_too(tiny_cross_encoder: str) -> None:
    model = CrossEncoder(tiny_cross_encoder).eval()
    alone = one_pass(model)
    model.tokenizer.padding_side = "left"
    assert not torch.allclose(one_pass(model), alone, atol=1e-5)
    assert torch.allclose(batched_logits(model, PAIRS, token_budget=1), alone, atol=1e-5)


def test_short_pairs_are_not_padded_to_the_longest(tiny_cross_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = CrossEncoder(tiny_cross_encoder).eval()
    shapes: list[tuple[int, ...]] = []
    forward = model.forward

    def recorded(features: dict[str, Any], **kwargs: Any) -> Any:
        shapes.append(tuple(features["input_ids"].shape))
        return forward(features, **kwargs)

    monkeypatch.setattr(model, "forward", recorded)
    batched_logits(model, PAIRS, token_budget=1000, batch_cost=5)
    assert shapes == [(1, 45), (1, 38), (1, 12), (2, 7)]
