"""The facts of a real (tiny) model, its rows and its device."""

from __future__ import annotations

import logging

import pytest
import torch
from sentence_transformers import CrossEncoder

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.training.losses.lists import TrainingRows
from llama_index_rerank_tuner.training.model.hardware import TrainingHardware
from llama_index_rerank_tuner.training.settings.facts import TrainingFacts, training_facts

ROWS = TrainingRows("listnet", [{"query": "what fee", "docs": ["rule", "city " * 300], "label": [10.0, 0.0]}], 0)


def facts(model: CrossEncoder, rows: TrainingRows = ROWS, device: str = "cpu", bf16: bool = True) -> TrainingFacts:
    return training_facts(
        model,
        TrainingHardware(device, bf16=bf16),
        rows,
        questions=7,
        loss_reason="most questions have negatives",
        contract_length=100,
        new_head=True,
        warm_start=False,
        processes=2,
    )


def test_they_are_read_off_model_rows_and_device(tiny_cross_encoder: str) -> None:
    model = CrossEncoder(tiny_cross_encoder, device="cpu")
    hidden, words, positions, wide = 32, model.config.vocab_size, 128, 64
    embeddings = (words + positions + 2 + 2) * hidden
    layer = 4 * (hidden + 1) * hidden + (hidden + 1) * wide + (wide + 1) * hidden + 4 * hidden
    heads = (hidden + 1) * hidden + hidden + 1
    assert facts(model) == TrainingFacts(
        questions=7,
        parameters=embeddings + 2 * layer + heads,
        longest_pair=100,
        data_loss="listnet",
        data_loss_reason="most questions have negatives",
        lengths=(3 + 3, 3 + 302),
        new_head=True,
        warm_start=False,
        device="cpu",
        bf16=True,
        fp16=False,
        processes=2,
    )


def test_a_pair_beyond_the_model_is_measured_whole_and_without_a_word(
    tiny_cross_encoder: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = CrossEncoder(tiny_cross_encoder, device="cpu", max_length=16)
    with caplog.at_level(logging.WARNING, "transformers"):
        measured = facts(model)
    assert (measured.longest_pair, max(measured.lengths)) == (16, 305)
    assert not caplog.records


@pytest.mark.parametrize(
    ("device", "device_has_bf16", "fp16"),
    [("cuda", True, False), ("cuda", False, True), ("mps", False, False), ("cpu", False, False)],
)
def test_fp16_is_for_gpus_from_before_bf16(
    tiny_cross_encoder: str, monkeypatch: pytest.MonkeyPatch, device: str, device_has_bf16: bool, fp16: bool
) -> None:
    """A model that cannot compute in bf16 on a device that can is left in fp32."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: device_has_bf16)
    measured = facts(CrossEncoder(tiny_cross_encoder, device="cpu"), device=device, bf16=False)
    assert (measured.bf16, measured.fp16) == (False, fp16)


def test_rows_without_a_pair_are_refused(tiny_cross_encoder: str) -> None:
    with pytest.raises(DataError, match="no pair"):
        facts(CrossEncoder(tiny_cross_encoder, device="cpu"), TrainingRows("listnet", [], 0))
