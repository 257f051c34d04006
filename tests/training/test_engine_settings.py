"""What the engine's settings do to a whole run: each loss, adapters, freezing, noise, trackers, and its record."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine, FinetuneConfig
from llama_index_rerank_tuner.training.losses import LOSSES

FAST = FinetuneConfig(epochs=1, learning_rate=1e-3, batch_size=32, patience=None, guard=False)
FIRST_LAYER = "bert.encoder.layer.0.output.dense.weight"
WORDS = "bert.embeddings.word_embeddings.weight"

pytestmark = pytest.mark.filterwarnings("default::llama_index_rerank_tuner.errors.RerankTunerWarning")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RERANK_TUNER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def tuned(data: RerankDataset, model: str, output: Path, **changes: Any) -> CrossEncoderFinetuneEngine:
    split = data.split(val=12, test=12)
    config = replace(FAST, **changes)
    engine = CrossEncoderFinetuneEngine(split.train, split.val, model_id=model, model_output_path=output, config=config)
    engine.finetune()
    return engine


def with_teacher_scores(data: RerankDataset) -> RerankDataset:
    """A teacher that gives positives 4 and negatives -4."""
    return data.with_examples(
        replace(
            example,
            positives=tuple(replace(each, teacher_score=4.0) for each in example.positives),
            negatives=tuple(replace(each, teacher_score=-4.0) for each in example.negatives),
        )
        for example in data
    )


def weights(folder: str | Path) -> dict[str, Any]:
    return dict(load_file(Path(folder) / "model.safetensors"))


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_and_shows_its_scores_as_it_should(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path, loss: str
) -> None:
    from sentence_transformers import CrossEncoder

    engine = tuned(with_teacher_scores(learnable), tiny_cross_encoder, tmp_path / "model", loss=loss)
    assert engine.report["settings"]["loss"] == loss
    shown = CrossEncoder(str(engine.model_output_path)).activation_fn
    assert type(shown).__name__ == ("Sigmoid" if loss == "bce" else "Identity")
    moved = weights(engine.model_output_path)[FIRST_LAYER] - weights(tiny_cross_encoder)[FIRST_LAYER]
    assert float(moved.abs().max()) > 0


def test_with_no_settings_each_has_a_value_and_a_reason(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path, cache: Path
) -> None:
    split = learnable.split(val=12, test=12)
    engine = CrossEncoderFinetuneEngine(
        split.train, split.val, model_id=tiny_cross_encoder, model_output_path=tmp_path / "model"
    )
    engine.finetune()
    report = json.loads((engine.model_output_path / "training_report.json").read_text())
    assert "auto" not in report["settings"].values()
    assert report["reasons"]["epochs"] == "48 training questions, stopping after 3 validations without gain"
    assert report["reasons"]["batch_size"] == "an effective batch of 16; memory holds 16 pairs"
    assert engine.contract.max_length == report["settings"]["max_length"] == 16
    assert len(json.loads((cache / "batch_sizes.json").read_text())) == 1


def test_lora_ends_in_a_plain_checkpoint(learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path) -> None:
    engine = tuned(learnable, tiny_cross_encoder, tmp_path / "model", lora_rank=2, learning_rate=1e-2)
    before, after = weights(tiny_cross_encoder), weights(engine.model_output_path)
    assert sorted(after) == sorted(before)
    assert float((after[FIRST_LAYER] - before[FIRST_LAYER]).abs().max()) > 0
    assert (
        float(
            (after["bert.embeddings.word_embeddings.weight"] - before["bert.embeddings.word_embeddings.weight"])
            .abs()
            .max()
        )
        == 0
    )
    assert not list(engine.model_output_path.glob("**/adapter*"))


def test_frozen_layers_stay_to_the_bit(learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path) -> None:
    engine = tuned(learnable, tiny_cross_encoder, tmp_path / "model", frozen_layers=1)
    before, after = weights(tiny_cross_encoder), weights(engine.model_output_path)
    still = [name for name in before if name.startswith(("bert.embeddings", "bert.encoder.layer.0."))]
    assert still
    assert all(bool((after[name] == before[name]).all()) for name in still)
    assert float((after["classifier.weight"] - before["classifier.weight"]).abs().max()) > 0


def test_noise_changes_what_is_trained_on_and_nothing_that_is_validated(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path
) -> None:
    plain = tuned(learnable, tiny_cross_encoder, tmp_path / "plain")
    noisy = tuned(learnable, tiny_cross_encoder, tmp_path / "noisy", noise=1.0)
    assert plain.report["curve"]["validation"][0] == noisy.report["curve"]["validation"][0]
    assert (
        weights(plain.model_output_path / "last")[FIRST_LAYER]
        .ne(weights(noisy.model_output_path / "last")[FIRST_LAYER])
        .any()
    )
    assert noisy.train_dataset == plain.train_dataset


def test_steps_that_accumulate_count_as_one(learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path) -> None:
    settings = {"precision": "fp32", "warmup_steps": 0.0}
    whole = tuned(learnable, tiny_cross_encoder, tmp_path / "whole", batch_size=32, **settings)
    parts = tuned(learnable, tiny_cross_encoder, tmp_path / "parts", batch_size=16, gradient_accumulation=2, **settings)
    assert whole.report["curve"]["validation"][-1][0] == parts.report["curve"]["validation"][-1][0]


def test_tensorboard_gets_the_curves(learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    engine = tuned(learnable, tiny_cross_encoder, tmp_path / "model", report_to="tensorboard")
    found = list(engine.model_output_path.rglob("events.out.tfevents.*"))
    assert found
    events = EventAccumulator(str(found[0].parent))
    events.Reload()
    assert {"train/loss", "eval/nDCG@10"} <= set(events.Tags()["scalars"])


def test_the_checkpoint_quotes_no_training_text(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path
) -> None:
    engine = tuned(learnable, tiny_cross_encoder, tmp_path / "model")
    written = [path for path in engine.model_output_path.rglob("*") if path.suffix in (".md", ".json")]
    texts = {passage.text for example in learnable for passage in example.positives}
    pages = [path.read_text(encoding="utf-8") for path in written if path.name != "tokenizer.json"]
    assert any(page.startswith("---\n") for page in pages)
    assert not [text for text in texts for page in pages if text in page]
