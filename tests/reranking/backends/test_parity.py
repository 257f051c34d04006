"""Every backend's logits against those of ``CrossEncoder.predict``."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from transformers import BertForSequenceClassification

from llama_index_rerank_tuner.deployment.quantize import quantize_onnx
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.reranking.backends import TorchScorer, load_cross_encoder, load_scorer
from llama_index_rerank_tuner.reranking.backends.converted import note_weights
from llama_index_rerank_tuner.reranking.fingerprint import model_fingerprint
from tests.conftest import WORDS
from tests.reranking.backends.exported import PAIRS, lively
from tests.training.tiny_architectures import ARCHITECTURES


def predicted(path: str, pairs: list[tuple[str, str]] = PAIRS, **settings: Any) -> Any:
    model = CrossEncoder(path, device="cpu", **settings)
    return model.predict(pairs, activation_fn=torch.nn.Identity())


def same_network(path: str) -> None:
    """Only what stands around the network was changed, so the converted ones are still its own."""
    for file in (Path(path) / "onnx" / "model.onnx", Path(path) / "openvino" / "openvino_model.xml"):
        note_weights(file, model_fingerprint(path))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_torch_scores_as_upstream(architecture: str, tmp_path: Path) -> None:
    path = lively(architecture, tmp_path / "model")
    expected = predicted(path)
    assert load_scorer(path, "torch", device="cpu")(PAIRS) == pytest.approx(expected, abs=1e-5)
    assert np.ptp(expected) > 0.1


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta"])
def test_a_converted_network_scores_as_upstream(
    architecture: str, backend: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(f"exported_{architecture.replace('-', '_')}")
    scorer = load_scorer(path, backend, device="cpu")
    assert scorer.backend.name == f"{backend} fp32"
    assert scorer(PAIRS) == pytest.approx(predicted(path), abs=1e-4)


@pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])
def test_random_lists_rank_as_upstream(backend: str, exported_bert: str) -> None:
    draw = random.Random(0)
    pairs = [
        (" ".join(draw.choices(WORDS, k=draw.randint(0, 12))), " ".join(draw.choices(WORDS, k=draw.randint(0, 90))))
        for _ in range(300)
    ]
    expected = predicted(exported_bert, pairs)
    scores = load_scorer(exported_bert, backend, device="cpu")(pairs)
    assert scores == pytest.approx(expected, abs=1e-4)
    assert np.ptp(expected) > 1


def test_an_int8_score_is_the_pairs_own_whoever_else_is_scored(own_exported_bert: str) -> None:
    quantize_onnx(own_exported_bert, Path(own_exported_bert) / "onnx" / "model.onnx")
    scorer = load_scorer(own_exported_bert, "onnx", "int8", device="cpu")
    assert scorer(PAIRS).tolist() == [float(scorer([pair])[0]) for pair in PAIRS]


@pytest.mark.parametrize(("backend", "precision"), [("torch", "bf16"), ("openvino", "bf16"), ("torch", "fp16")])
def test_half_precision_is_near_and_not_the_same(backend: str, precision: str, exported_bert: str) -> None:
    scorer, expected = load_scorer(exported_bert, backend, precision, device="cpu"), predicted(exported_bert)
    scores = scorer(PAIRS)
    assert scorer.backend.name == f"{backend} {precision}"
    assert scores == pytest.approx(expected, abs=0.2)
    assert backend == "openvino" or scores.tolist() != expected.tolist()


def test_a_network_that_cannot_compute_in_bf16_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: Any, *given: Any, **settings: Any) -> Any:
        raise RuntimeError("value cannot be converted without overflow")

    monkeypatch.setattr(BertForSequenceClassification, "forward", forward)
    with pytest.raises(ConfigError, match=r"does not compute in bf16 here \(value.*Use precision='fp32'"):
        load_scorer(lively("bert", tmp_path / "model"), "torch", "bf16", device="cpu")


@pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])
def test_max_length_cuts_as_upstream(backend: str, exported_bert: str) -> None:
    scorer = load_scorer(exported_bert, backend, device="cpu", max_length=10)
    assert scorer(PAIRS) == pytest.approx(predicted(exported_bert, max_length=10), abs=1e-4)
    assert scorer.truncated == 4


@pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])
def test_shown_scores_are_upstreams(backend: str, exported_bert: str) -> None:
    scorer = load_scorer(exported_bert, backend, device="cpu")
    expected = CrossEncoder(exported_bert, device="cpu").predict(PAIRS)
    assert scorer.activate(scorer(PAIRS)) == pytest.approx(expected, abs=1e-5)
    assert 0 < expected.min() < expected.max() < 1


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_the_checkpoints_own_activation_is_used(backend: str, own_exported_bert: str) -> None:
    model = CrossEncoder(own_exported_bert, device="cpu", activation_fn=torch.nn.Tanh())
    model.save_pretrained(own_exported_bert)
    same_network(own_exported_bert)
    scorer = load_scorer(own_exported_bert, backend, device="cpu")
    assert scorer.activate(np.array([-1.0, 0.5])) == pytest.approx(np.tanh([-1.0, 0.5]))


@pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])
def test_a_default_prompt_goes_before_the_query(backend: str, own_exported_bert: str) -> None:
    plain = predicted(own_exported_bert)
    model = CrossEncoder(own_exported_bert, device="cpu", prompts={"rank": "old city "})
    model.default_prompt_name = "rank"
    model.save_pretrained(own_exported_bert)
    same_network(own_exported_bert)
    expected = predicted(own_exported_bert)
    assert np.abs(expected - plain).max() > 1e-4
    assert load_scorer(own_exported_bert, backend, device="cpu")(PAIRS) == pytest.approx(expected, abs=1e-4)


def test_a_model_in_training_is_scored_without_dropout(exported_bert: str) -> None:
    model = load_cross_encoder(exported_bert, device="cpu")
    model.train()
    assert TorchScorer(model, "m")(PAIRS) == pytest.approx(predicted(exported_bert), abs=1e-5)


@pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])
def test_a_length_beyond_the_positions_is_brought_down(backend: str, exported_xlm_roberta: str) -> None:
    """XLM-RoBERTa has 66 positions here, of which 64 are used."""
    path = exported_xlm_roberta
    scorer = load_scorer(path, backend, device="cpu", max_length=1_000)
    assert scorer.tokenizer.max_length == 64
    assert scorer([("what", "fee " * 500)]) == pytest.approx(predicted(path, [("what", "fee " * 500)]), abs=1e-4)
