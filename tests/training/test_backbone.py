"""The model that training starts from: which head it has, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder

from llama_index_rerank_tuner.errors import CheckpointNotFoundError, ConfigError
from llama_index_rerank_tuner.training.model.backbone import has_reranking_head, load_for_training, needs_new_head
from llama_index_rerank_tuner.training.model.hardware import TrainingHardware
from tests.training.tiny_architectures import ARCHITECTURES, HEADED, POSITIONS, build, qwen3

PAIRS = [("what fee the city", "fee rule of form"), ("what fee", "cat month of grant")]


def load(path: str, new_head: bool = False, loss: str = "bce", max_length: int = 32) -> CrossEncoder:
    return load_for_training(path, new_head, loss, max_length, "cpu")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_reranker_keeps_its_head(architecture: str, tmp_path: Path) -> None:
    path = build(architecture, tmp_path / "model")
    assert has_reranking_head(path)
    assert not needs_new_head(path)
    scores = load(path).predict(PAIRS, activation_fn=torch.nn.Identity())
    expected = CrossEncoder(path, device="cpu", max_length=32).predict(PAIRS, activation_fn=torch.nn.Identity())
    assert scores.tolist() == expected.tolist()


def test_an_encoder_needs_a_head(tiny_encoder: str) -> None:
    assert not has_reranking_head(tiny_encoder)
    assert needs_new_head(tiny_encoder)
    assert load(tiny_encoder, new_head=True).num_labels == 1


@pytest.mark.parametrize("architecture", HEADED)
def test_several_outputs_are_refused_with_the_fix(architecture: str, tmp_path: Path) -> None:
    path = build(architecture, tmp_path / "model", num_labels=3)
    for refused in (needs_new_head, load):
        with pytest.raises(ConfigError, match=r"has 3 outputs.*Pass replace_head=True"):
            refused(path)


@pytest.mark.parametrize("architecture", HEADED)
def test_a_head_of_several_outputs_is_replaced_on_request(architecture: str, tmp_path: Path) -> None:
    path = build(architecture, tmp_path / "model", num_labels=3)
    assert needs_new_head(path, replace_head=True)
    torch.manual_seed(0)
    model = load(path, new_head=True)
    assert model.num_labels == 1
    kept = CrossEncoder(path, device="cpu").model.state_dict()
    for name, each in model.model.state_dict().items():
        assert each.isfinite().all()
        assert each.shape != kept[name].shape or torch.equal(each, kept[name]), name
    model.save_pretrained(str(tmp_path / "saved"))
    assert not needs_new_head(str(tmp_path / "saved"))
    scores = model.predict(PAIRS)
    assert np.isfinite(scores).all()
    assert CrossEncoder(str(tmp_path / "saved"), device="cpu").predict(PAIRS) == pytest.approx(scores, abs=1e-6)


def test_a_new_head_is_the_seeds(tmp_path: Path) -> None:
    path, heads = build("bert", tmp_path / "model", num_labels=3), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        heads.append(load(path, new_head=True).model.classifier.weight.detach().clone())
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_asking_to_replace_a_head_of_one_output_keeps_it(tmp_path: Path) -> None:
    assert not needs_new_head(build("bert", tmp_path / "model"), replace_head=True)


@pytest.mark.parametrize("loss", ["bce", "listnet", "cross_entropy", "margin_mse"])
def test_the_activation_is_the_losss(loss: str, tmp_path: Path) -> None:
    expected = torch.nn.Sigmoid if loss == "bce" else torch.nn.Identity
    assert isinstance(load(build("bert", tmp_path / "model"), loss=loss).activation_fn, expected)


def save(made: tuple[Any, Any], folder: Path) -> str:
    for each in made:
        each.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(("words", "missing"), [(["yes"], "no"), (["no"], "yes"), (["fee"], "yes and no")])
def test_a_causal_model_that_cannot_answer_is_refused(words: list[str], missing: str, tmp_path: Path) -> None:
    path = save(qwen3(words, None), tmp_path / "model")
    with pytest.raises(ConfigError, match=f"no token for {missing}, with which"):
        load(path)


def test_a_saved_yes_no_reranker_keeps_its_answers(tmp_path: Path) -> None:
    """One that answers with other words than yes and no is taken as it was saved."""
    model = CrossEncoder(build("yes-no", tmp_path / "model"), device="cpu")
    model[1].true_token_id, model[1].false_token_id = 5, 6
    model.save_pretrained(str(tmp_path / "saved"))
    loaded = load(str(tmp_path / "saved"))
    assert (loaded[1].true_token_id, loaded[1].false_token_id) == (5, 6)


@pytest.mark.parametrize("architecture", HEADED)
def test_a_length_beyond_the_models_positions_is_brought_down(architecture: str, tmp_path: Path) -> None:
    """XLM-RoBERTa's table has two rows that no token gets; trained beyond it, it would fail in the middle of a run."""
    model = load(build(architecture, tmp_path / "model"), max_length=1_000)
    assert model.max_seq_length == POSITIONS
    assert np.isfinite(model.predict([("what", "fee " * 500)])).all()


def test_a_length_within_them_is_kept(tmp_path: Path) -> None:
    assert load(build("xlm-roberta", tmp_path / "model"), max_length=20).max_seq_length == 20


@pytest.mark.parametrize("asked", [has_reranking_head, needs_new_head])
def test_a_model_that_does_not_exist_is_named(asked: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match="no-such-model"):
        asked(str(tmp_path / "no-such-model"))


@pytest.mark.parametrize("architecture", ["bert", "deberta"])
def test_bf16_is_taken_where_the_model_computes_in_it(
    architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first DeBERTa masks with fp32's lowest number, which bfloat16 cannot hold."""
    from llama_index_rerank_tuner.training.model import hardware

    monkeypatch.setattr(hardware, "_cpu_has_bf16", lambda: True)
    model = load(build(architecture, tmp_path / "model"))
    model.train()
    assert TrainingHardware.of(model).bf16 is (architecture == "bert")
    assert all(module.training for module in model.modules())
