"""Every loss by its name: built, learning, and saved with the activation that fits it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder.data_collator import CrossEncoderDataCollator

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.losses import LOSSES, activation_for, build_loss
from llama_index_rerank_tuner.training.losses.lists import TrainingRows, labelled_rows
from tests.training.losses.lookup import LookUp


def example(topic: str) -> RerankExample:
    """A question that a rule answers, and animals do not."""
    wrong = [Passage(f"{animal} of {topic}", teacher_score=-4.0) for animal in ("cat", "dog", "old cat")]
    right = Passage(f"rule of {topic}", teacher_score=6.0)
    return RerankExample(topic, f"what {topic}", positives=(right,), negatives=tuple(wrong))


EXAMPLES = [example(topic) for topic in ("fee", "form", "grant", "permit")]
PAIRS = [(each.query, p.text) for each in EXAMPLES for p in (*each.positives, *each.negatives)]


def tuned(model: CrossEncoder, loss: str) -> CrossEncoder:
    """Twenty steps over all rows, each put together as the trainer does."""
    training = labelled_rows(EXAMPLES, TextContract(), loss)
    batch = CrossEncoderDataCollator(model.preprocess)(training.rows)
    labels = batch.pop("label")
    measure, optimizer = build_loss(model, training, 8), torch.optim.AdamW(model.parameters(), lr=5e-3)
    model.activation_fn = activation_for(loss)
    for _ in range(20):
        optimizer.zero_grad()
        measure(list(batch.values()), labels).backward()
        optimizer.step()
    return model.eval()


def make_sure_of_itself(model: CrossEncoder) -> None:
    """Stretch the logits over a range of 30, far more than a sigmoid can show."""
    stretch = 30 / np.ptp(model.predict(PAIRS, activation_fn=torch.nn.Identity()))
    with torch.no_grad():
        for parameter in model.model.classifier.parameters():
            parameter.mul_(float(stretch))


def correct(model: CrossEncoder) -> float:
    """Share of the questions whose positive scores highest."""
    right = [
        np.argmax(model.predict([(each.query, p.text) for p in (*each.positives, *each.negatives)])) == 0
        for each in EXAMPLES
    ]
    return float(np.mean(right))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_tuned_model_ranks_and_is_saved_with_the_activation_that_fits(
    loss: str, tiny_cross_encoder: str, tmp_path: Path
) -> None:
    model = CrossEncoder(tiny_cross_encoder, device="cpu")
    before = correct(model)
    make_sure_of_itself(tuned(model, loss))
    model.save_pretrained(str(tmp_path / "saved"))
    loaded = CrossEncoder(str(tmp_path / "saved"), device="cpu")
    shown, logits = loaded.predict(PAIRS), loaded.predict(PAIRS, activation_fn=torch.nn.Identity())
    assert before < correct(loaded) == 1.0
    assert np.ptp(logits) == pytest.approx(30, rel=1e-2)
    expected = 1 / (1 + np.exp(-logits)) if loss == "bce" else logits
    assert shown == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_only_binary_cross_entropy_shows_probabilities() -> None:
    shows = {loss: type(activation_for(loss)).__name__ for loss in LOSSES}
    assert shows.pop("bce") == "Sigmoid"
    assert set(shows.values()) == {"Identity"}


@pytest.mark.parametrize("use", [activation_for, lambda loss: build_loss(None, TrainingRows(loss, [], 0), 8)])  # type: ignore[arg-type]
def test_an_unknown_loss_names_those_there_are(use: Any) -> None:
    with pytest.raises(ConfigError, match=r"no loss 'listwise'.*bce, cross_entropy, listnet, lambda"):
        use("listwise")


@pytest.mark.parametrize("loss", LOSSES)
def test_a_model_with_two_outputs_is_refused(loss: str) -> None:
    with pytest.raises(ConfigError, match=r"2 outputs.*num_labels=1"):
        build_loss(LookUp([0.0], num_labels=2), TrainingRows(loss, [], 0), 8)  # type: ignore[arg-type]


def test_names_and_rows_load_no_torch() -> None:
    code = "import sys, llama_index_rerank_tuner.training.losses.lists; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
