"""Beside the deprecated package, in an environment that holds it: its objects are taken as they are."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.incumbent


def incumbent() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import llama_index.finetuning
    return llama_index.finetuning


def samples() -> list[Any]:
    from llama_index.finetuning.cross_encoders.dataset_gen import CrossEncoderFinetuningDatasetSample

    return [
        CrossEncoderFinetuningDatasetSample(query=f"what fee {word}", context=f"{word} {topic}", score=score)
        for word in ("city", "firm", "staff", "office", "year", "month", "cat", "dog", "new", "old", "small", "large")
        for topic, score in (("fee", 1), ("permit", 0), ("grant", 0))
    ]


def test_its_sample_objects_train_our_engine(tiny_cross_encoder: str, tmp_path: Path) -> None:
    incumbent()
    from llama_index_rerank_tuner import CrossEncoderFinetuneEngine

    engine = CrossEncoderFinetuneEngine(
        dataset=samples(), model_id=tiny_cross_encoder, model_output_path=tmp_path / "m"
    )
    engine.finetune()
    assert engine.report["loss"] == "listwise"
    assert engine.get_finetuned_model(top_n=2).top_n == 2


def test_our_methods_take_the_arguments_of_its_interface() -> None:
    incumbent()
    from llama_index.finetuning.types import BaseCrossEncoderFinetuningEngine

    from llama_index_rerank_tuner import CrossEncoderFinetuneEngine

    for name in ("finetune", "get_finetuned_model"):
        theirs = inspect.signature(getattr(BaseCrossEncoderFinetuningEngine, name)).parameters
        ours = inspect.signature(getattr(CrossEncoderFinetuneEngine, name)).parameters
        assert {each for each in theirs if theirs[each].kind is not inspect.Parameter.VAR_KEYWORD} <= set(ours)


def test_its_own_names_for_data_model_and_path_are_ours(tiny_cross_encoder: str, tmp_path: Path) -> None:
    incumbent()
    from llama_index.finetuning.cross_encoders.cross_encoder import CrossEncoderFinetuneEngine as TheirEngine

    theirs = inspect.signature(TheirEngine.__init__).parameters
    from llama_index_rerank_tuner import CrossEncoderFinetuneEngine

    ours = inspect.signature(CrossEncoderFinetuneEngine.__init__).parameters
    shared = {"dataset", "model_id", "model_output_path", "batch_size", "val_dataset", "epochs"}
    assert shared <= set(theirs)
    assert shared <= set(ours)
