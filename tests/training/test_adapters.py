"""LoRA and freezing: what is trained, what stays, and a checkpoint that is plain."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder

from llama_index_rerank_tuner.errors import ConfigError, MissingExtraError
from llama_index_rerank_tuner.training.model.adapters import (
    adapted_layers,
    encoder_layers,
    frozen_layers,
    head_parts,
    lora,
    merged,
)
from llama_index_rerank_tuner.training.model.hardware import TrainingHardware
from tests.training.tiny_architectures import ARCHITECTURES, build

PAIRS = [("what fee the city", "fee rule of form"), ("what fee", "cat month of grant")]


@pytest.fixture
def model(tiny_cross_encoder: str) -> CrossEncoder:
    return CrossEncoder(tiny_cross_encoder, device="cpu")


def logits(model: CrossEncoder) -> Any:
    return model.predict(PAIRS, activation_fn=torch.nn.Identity())


def train(model: CrossEncoder, steps: int = 5) -> None:
    """Push the first pair's score up and the second's down."""
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=1e-2)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        first, second = model(model.preprocess(PAIRS))["scores"].view(-1)
        (second - first).backward()
        optimizer.step()
    model.eval()


def trained_names(model: CrossEncoder) -> set[str]:
    return {name for name, each in model.model.named_parameters() if each.requires_grad}


def weights(model: CrossEncoder) -> dict[str, torch.Tensor]:
    return {name: each.detach().clone() for name, each in model.model.named_parameters()}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tuned_through_adapters_it_is_saved_plain_and_reloads_the_same(architecture: str, tmp_path: Path) -> None:
    model = CrossEncoder(build(architecture, tmp_path / "start"), device="cpu")
    names, before = set(weights(model)), logits(model)
    with lora(model, rank=4):
        train(model)
        with_adapters = logits(model)
        with merged(model):
            model.save_pretrained(str(tmp_path / "best"))
    assert np.abs(with_adapters - before).max() > 1e-3
    assert logits(model) == pytest.approx(with_adapters, abs=1e-5)
    assert set(weights(model)) == names
    assert all(each.requires_grad for each in model.parameters())
    model.save_pretrained(str(tmp_path / "last"))
    for folder in ("best", "last"):
        assert not (tmp_path / folder / "adapter_config.json").exists()
        assert logits(CrossEncoder(str(tmp_path / folder), device="cpu")) == pytest.approx(with_adapters, abs=1e-5)


@pytest.mark.parametrize(
    ("architecture", "adapted", "head"),
    [
        ("bert", "bert.encoder.layer.0.attention.self.query", ["bert.pooler", "classifier"]),
        ("xlm-roberta", "roberta.encoder.layer.1.attention.self.value", ["classifier"]),
        ("modernbert", "model.layers.0.attn.Wqkv", ["head", "classifier"]),
        ("deberta", "deberta.encoder.layer.0.attention.self.in_proj", ["pooler", "classifier"]),
        ("deberta-v2", "deberta.encoder.layer.0.attention.self.query_proj", ["pooler", "classifier"]),
        ("yes-no", "model.layers.1.self_attn.q_proj", []),
    ],
)
def test_layers_and_heads_are_found(architecture: str, adapted: str, head: list[str], tmp_path: Path) -> None:
    network = CrossEncoder(build(architecture, tmp_path / "model"), device="cpu").model
    assert adapted in adapted_layers(network)
    assert head_parts(network) == head
    assert len(encoder_layers(network)[1]) == 2


def test_only_adapters_and_the_head_are_trained(model: CrossEncoder) -> None:
    before = weights(model)
    with lora(model, rank=2):
        names = trained_names(model)
        assert all("lora_" in name or "modules_to_save" in name for name in names)
        assert sum("lora_A" in name for name in names) == 12
        train(model)
    moved = {name for name, each in weights(model).items() if not torch.equal(each, before[name])}
    assert {"classifier.weight", "bert.pooler.dense.weight", "bert.encoder.layer.0.output.dense.weight"} <= moved
    assert not any("embeddings" in name or "LayerNorm" in name or name.endswith("query.bias") for name in moved)


def test_saving_in_between_does_not_move_the_training(model: CrossEncoder, tmp_path: Path) -> None:
    with lora(model, rank=2):
        train(model)
        before, network = weights(model), model.model
        with merged(model):
            assert "lora" not in " ".join(weights(model))
            assert logits(model) != pytest.approx(0.0)
        assert model.model is network
        after = weights(model)
        assert all(torch.equal(after[name], each) for name, each in before.items())
        train(model, steps=1)
        assert any(not torch.equal(each, before[name]) for name, each in weights(model).items())


def test_a_new_adapter_changes_nothing_until_it_is_trained(model: CrossEncoder) -> None:
    before, scores = weights(model), logits(model)
    with lora(model, rank=2):
        assert logits(model).tolist() == scores.tolist()
    assert all(torch.equal(each, before[name]) for name, each in weights(model).items())


def test_adapters_can_be_put_on_twice(model: CrossEncoder, recwarn: pytest.WarningsRecorder) -> None:
    """As a warm start and the labels do, one after the other."""
    for _ in range(2):
        with lora(model, rank=2):
            train(model, steps=1)
    assert not [each for each in recwarn if "second time" in str(each.message)]


def test_an_error_in_training_leaves_a_plain_model(model: CrossEncoder) -> None:
    names = set(weights(model))
    with pytest.raises(KeyError), lora(model, rank=2):
        raise KeyError
    assert set(weights(model)) == names


def test_rank_nought_is_off_and_merging_then_does_nothing(model: CrossEncoder) -> None:
    names, network = trained_names(model), model.model
    with lora(model, rank=0):
        assert trained_names(model) == names
        with merged(model):
            assert model.model is network


def test_a_negative_rank_is_refused(model: CrossEncoder) -> None:
    with pytest.raises(ConfigError, match="lora_rank must be 0"), lora(model, rank=-1):
        pass


def test_without_peft_the_extra_is_named(model: CrossEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"llama-index-rerank-tuner\[lora\]"), lora(model, rank=2):
        pass


def test_it_goes_together_with_the_hardwares_settings(model: CrossEncoder) -> None:
    rates = [layer.p for layer in model.modules() if isinstance(layer, torch.nn.Dropout)]
    hardware = TrainingHardware("cpu", bf16=True)
    with lora(model, rank=2), hardware.prepared(model), hardware.autocast():
        train(model)
    assert [layer.p for layer in model.modules() if isinstance(layer, torch.nn.Dropout)] == rates
    assert all(each.requires_grad for each in model.parameters())
    assert all(each.dtype == torch.float32 for each in model.parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_embeddings_and_the_lower_layers_stay(architecture: str, tmp_path: Path) -> None:
    model = CrossEncoder(build(architecture, tmp_path / "start"), device="cpu")
    before, place = weights(model), encoder_layers(model.model)[0]
    with frozen_layers(model, 1):
        train(model)
    moved = {name for name, each in weights(model).items() if not torch.equal(each, before[name])}
    assert any(name.startswith(f"{place}.1.") for name in moved)
    assert not any(name.startswith(f"{place}.0.") or "word_embeddings" in name or "embed_tok" in name for name in moved)
    assert all(each.requires_grad for each in model.parameters())


def test_freezing_no_layer_freezes_nothing(model: CrossEncoder) -> None:
    with frozen_layers(model, 0):
        assert all(each.requires_grad for each in model.parameters())


def test_with_every_layer_frozen_the_head_is_trained(model: CrossEncoder) -> None:
    with frozen_layers(model, 2):
        assert {name.split(".")[0] + "." + name.split(".")[1] for name in trained_names(model)} == {
            "bert.pooler",
            "classifier.weight",
            "classifier.bias",
        }


def test_adapters_of_frozen_layers_are_frozen(model: CrossEncoder) -> None:
    with lora(model, rank=2), frozen_layers(model, 1):
        assert not any(".layer.0." in name for name in trained_names(model))
        assert any(".layer.1." in name for name in trained_names(model))


@pytest.mark.parametrize(("layers", "message"), [(3, "the model has 2 layers"), (-1, "must not be negative")])
def test_layers_that_are_not_there_cannot_be_frozen(model: CrossEncoder, layers: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message), frozen_layers(model, layers):
        pass


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(ConfigError, match="Linear has no stack of layers"):
        encoder_layers(torch.nn.Linear(2, 2))


def test_the_saved_configuration_has_no_trace_of_adapters(model: CrossEncoder, tmp_path: Path) -> None:
    with lora(model, rank=2), merged(model):
        model.save_pretrained(str(tmp_path / "saved"))
    assert "lora" not in (tmp_path / "saved" / "config.json").read_text()
    modules = json.loads((tmp_path / "saved" / "modules.json").read_text())
    assert [each["type"] for each in modules] == ["sentence_transformers.base.modules.transformer.Transformer"]
