"""The last layer for the first token alone: the same logits, less computed, the network left as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from llama_index_rerank_tuner.reranking.backends.first_token import first_token_only
from tests.reranking.backends.exported import lively

IDS = torch.tensor([[2, 5, 6, 3, 7, 8, 3], [2, 9, 3, 10, 3, 0, 0]])
MASK = (IDS != 0).long()


def loaded(architecture: str, folder: Path, **settings: Any) -> Any:
    return AutoModelForSequenceClassification.from_pretrained(lively(architecture, folder), **settings).eval()


def tokens_out_of_the_last_layer(network: Any, mask: torch.Tensor = MASK) -> tuple[int, torch.Tensor]:
    seen = []
    layers = network.base_model.encoder.layer
    hook = layers[-1].register_forward_hook(lambda *call: seen.append(call[-1]))
    with torch.inference_mode():
        logits = network(input_ids=IDS, attention_mask=mask).logits
    hook.remove()
    return seen[0].shape[1], logits


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta"])
@pytest.mark.parametrize("mask", [MASK, torch.ones_like(MASK)], ids=["padded", "full"])
def test_one_token_gives_the_same_logits(architecture: str, attention: str, mask: torch.Tensor, tmp_path: Path) -> None:
    network = loaded(architecture, tmp_path, attn_implementation=attention)
    tokens, whole = tokens_out_of_the_last_layer(network, mask)
    assert tokens == IDS.shape[1]
    with first_token_only(network):
        tokens, first = tokens_out_of_the_last_layer(network, mask)
    assert tokens == 1
    torch.testing.assert_close(first, whole, atol=1e-5, rtol=0)
    assert tokens_out_of_the_last_layer(network, mask)[0] == IDS.shape[1]


def test_an_error_inside_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    network = loaded("bert", tmp_path)
    names = list(network.state_dict())
    with pytest.raises(KeyError), first_token_only(network):
        raise KeyError
    assert list(network.state_dict()) == names


def test_another_architecture_is_left_alone(tmp_path: Path) -> None:
    network = loaded("deberta-v2", tmp_path)
    names = list(network.state_dict())
    with first_token_only(network):
        assert list(network.state_dict()) == names
