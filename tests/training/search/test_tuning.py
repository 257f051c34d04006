"""The search through the engine on a tiny model."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import (
    CheckpointNotFoundError,
    ConfigError,
    DataError,
    MissingExtraError,
    RerankTunerError,
)
from llama_index_rerank_tuner.reranking import FinetunedRerank
from llama_index_rerank_tuner.training import FinetuneConfig
from llama_index_rerank_tuner.training.search import SearchResult, SearchSpace, tune_hyperparameters
from llama_index_rerank_tuner.training.search import tuning as tuning_module

SPACE = SearchSpace(learning_rate=(1e-4, 1e-2), epochs=(1, 3), losses=("bce",))
CONFIG = FinetuneConfig(learning_rate=1e-3, epochs=3, batch_size=32)


def searched(data: RerankDataset, model: str, output: Path, **settings: Any) -> SearchResult:
    split = data.split(val=12, test=36)
    settings = {"trials": 2, "space": SPACE, "config": CONFIG, **settings}
    return tune_hyperparameters(split.train, split.val, model_id=model, output=output, **settings)


@pytest.fixture(scope="module")
def result(
    learnable: RerankDataset, tiny_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> SearchResult:
    return searched(learnable, str(tiny_models["cross-encoder"]), tmp_path_factory.mktemp("search") / "out", trials=3)


def test_the_checkpoint_kept_is_the_best_trials(result: SearchResult) -> None:
    report = json.loads((result.checkpoint / "training_report.json").read_text())
    assert result.best.ndcg == max(trial.ndcg or 0 for trial in result.trials) == report["best"][1]
    assert report["settings"]["learning_rate"] == result.best.settings["learning_rate"] == result.config.learning_rate
    logits = FinetunedRerank(result.checkpoint).scorer([("what fee the city", "fee rule of form")])
    assert logits.shape == (1,)


def test_the_first_trial_is_the_configuration(result: SearchResult) -> None:
    first = result.trials[0]
    assert first.settings == {"learning_rate": 1e-3, "epochs": 3, "loss": "bce", "negatives_per_query": 3}
    assert [step for step, _ in first.looks] == sorted({step for step, _ in first.looks})
    assert first.outcome == "complete"


def test_the_table_names_every_trial_and_the_caution(result: SearchResult) -> None:
    written = (result.checkpoint.parent / "trials.md").read_text(encoding="utf-8")
    assert written == f"{result}\n"
    assert written.count("\n| ") == 3
    assert f"| {result.best.number} (best) |" in written
    assert "picked from 3 trials" in written
    assert json.loads((result.checkpoint.parent / "trials.json").read_text())["best"] == result.best.number


def test_nothing_but_the_best_is_left(result: SearchResult) -> None:
    names = sorted(each.name for each in result.checkpoint.parent.iterdir())
    assert names == ["best", "search.journal", "trials.json", "trials.md"]


def test_other_data_in_the_same_output_is_refused(
    result: SearchResult, learnable: RerankDataset, tiny_models: dict[str, Path]
) -> None:
    with pytest.raises(DataError, match="made with other settings"):
        searched(learnable[:60], str(tiny_models["cross-encoder"]), result.checkpoint.parent)


def test_trials_that_all_fail_are_an_error_with_the_first_reason(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("no memory left")

    monkeypatch.setattr(tuning_module.CrossEncoderFinetuneEngine, "finetune", breaks)
    with pytest.raises(RerankTunerError, match=r"None of the 2 trials.*RuntimeError: no memory left"):
        searched(learnable, tiny_cross_encoder, tmp_path / "out")


def test_what_cannot_work_is_refused_before_any_training(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="trials must be a positive integer, got 0"):
        searched(learnable, tiny_cross_encoder, tmp_path, trials=0)
    with pytest.raises(CheckpointNotFoundError, match="no-such-model"):
        searched(learnable, str(tmp_path / "no-such-model"), tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="runs in one process"):
        searched(learnable, tiny_cross_encoder, tmp_path)


def test_without_optuna_the_extra_is_named(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(tuning_module, "find_spec", lambda name: None if name == "optuna" else found(name))
    with pytest.raises(MissingExtraError, match=r"llama-index-rerank-tuner\[search\]"):
        searched(learnable, tiny_cross_encoder, tmp_path)
