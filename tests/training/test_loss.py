"""The listwise loss against sentence-transformers' own."""

from __future__ import annotations

import pytest
import torch
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder.losses import ListNetLoss

from llama_index_rerank_tuner.training.loss import ListwiseLoss

QUERIES = ["what fee", "who may file"]
LISTS = [["rule", "city fee and the rule for a cat", "cat city"], ["fee " * 12, "rule"]]
LABELS = [torch.tensor([10.0, 0.0, 0.0]), torch.tensor([0.0, 3.0])]


@pytest.mark.parametrize("pairs_per_forward", [1, 2, 64])
def test_it_equals_upstreams_listnet_in_value_and_gradient(tiny_cross_encoder: str, pairs_per_forward: int) -> None:
    model = CrossEncoder(tiny_cross_encoder).eval()
    gradients, losses = [], []
    for loss in (ListwiseLoss(model, pairs_per_forward), ListNetLoss(model, mini_batch_size=-1)):
        model.zero_grad()
        value = loss([QUERIES, LISTS], LABELS)
        value.backward()
        losses.append(value.item())
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert torch.allclose(gradients[0], gradients[1], atol=1e-6)
