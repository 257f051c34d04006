"""Usable positions: the table in the network against what its config says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel

from llama_index_rerank_tuner.reranking.backends.positions import _AFTER_PADDING, usable_positions

SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 50}
NEED_MORE_INPUT = {"layoutlmv3", "lilt", "longformer", "luke", "markuplm", "xmod"}
COUNTS_FROM_PADDING = sorted(_AFTER_PADDING - NEED_MORE_INPUT)


def network(model_type: str, **settings: Any) -> Any:
    config = AutoConfig.for_model(model_type, max_position_embeddings=40, pad_token_id=1, **{**SMALL, **settings})
    torch.manual_seed(0)
    return AutoModel.from_config(config).eval()


@pytest.mark.parametrize("model_type", COUNTS_FROM_PADDING)
def test_a_network_takes_as_many_tokens_and_no_more(model_type: str) -> None:
    esm = {"position_embedding_type": "absolute", "mask_token_id": 4}
    model = network(model_type, **(esm if model_type == "esm" else {}))
    longest = usable_positions(model.config)
    assert longest == 38
    model(input_ids=torch.full((1, longest), 5))
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.full((1, longest + 1), 5))


@pytest.mark.parametrize("model_type", ["bert", "electra", "distilbert"])
def test_other_networks_use_all(model_type: str) -> None:
    model = network(model_type)
    assert usable_positions(model.config) == 40
    tables = [each for name, each in model.named_modules() if name.endswith("position_embeddings")]
    assert [table.num_embeddings for table in tables if isinstance(table, nn.Embedding)] == [40]


def test_a_network_without_a_limit_has_none() -> None:
    assert usable_positions(AutoConfig.for_model("t5")) is None
