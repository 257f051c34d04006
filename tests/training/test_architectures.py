"""Every architecture goes the whole way: tune, save, load in both places, the same scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.reranking import FinetunedRerank
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine, FinetuneConfig
from tests.training.tiny_architectures import ARCHITECTURES, build

PAIRS = [("what fee the city", "fee rule of form"), ("what fee", "cat month of grant and a dog"), ("who", "office")]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def tuned(
    request: pytest.FixtureRequest, learnable: RerankDataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, str, Path]:
    folder = tmp_path_factory.mktemp("architecture")
    start = build(request.param, folder / "start")
    split = learnable.split(val=6, test=48, seed=0)
    config = FinetuneConfig(epochs=1, learning_rate=3e-3, batch_size=40, max_length=16)
    engine = CrossEncoderFinetuneEngine(
        split.train, split.val, model_id=start, model_output_path=folder / "tuned", config=config, device="cpu"
    )
    engine.finetune()
    return request.param, start, engine.model_output_path


def logits(path: str | Path) -> Any:
    return CrossEncoder(str(path), device="cpu").predict(PAIRS, activation_fn=torch.nn.Identity())


def test_training_moves_the_scores(tuned: tuple[str, str, Path]) -> None:
    _, start, checkpoint = tuned
    assert np.abs(logits(checkpoint) - logits(start)).max() > 1e-4


def test_both_loaders_give_the_same_scores(tuned: tuple[str, str, Path]) -> None:
    _, _, checkpoint = tuned
    served = FinetunedRerank(checkpoint, device="cpu").scorer(PAIRS)
    assert served == pytest.approx(logits(checkpoint), abs=1e-5)
    assert len(set(np.round(served, 6))) == len(PAIRS)


def test_a_second_save_and_load_changes_nothing(tuned: tuple[str, str, Path], tmp_path: Path) -> None:
    _, _, checkpoint = tuned
    CrossEncoder(str(checkpoint), device="cpu").save_pretrained(str(tmp_path / "again"))
    assert logits(tmp_path / "again").tolist() == logits(checkpoint).tolist()


def test_padding_does_not_move_a_score(tuned: tuple[str, str, Path]) -> None:
    """Scored alone, a pair is not padded; among longer ones it is."""
    _, _, checkpoint = tuned
    model = CrossEncoder(str(checkpoint), device="cpu")
    alone = [model.predict([pair], activation_fn=torch.nn.Identity())[0] for pair in PAIRS]
    assert alone == pytest.approx(logits(checkpoint).tolist(), abs=1e-4)


@pytest.mark.parametrize(("architecture", "has_types"), [("bert", True), ("xlm-roberta", False)])
def test_token_types_are_there_where_the_model_has_them(architecture: str, has_types: bool, tmp_path: Path) -> None:
    model = CrossEncoder(build(architecture, tmp_path / "model"), device="cpu")
    assert ("token_type_ids" in model.preprocess(PAIRS)) is has_types


def test_the_causal_score_is_the_logit_of_yes_less_that_of_no(tmp_path: Path) -> None:
    """Against transformers' own model, one unpadded pair at a time."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = build("yes-no", tmp_path / "model")
    network, tokenizer = AutoModelForCausalLM.from_pretrained(path).eval(), AutoTokenizer.from_pretrained(path)
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    expected = []
    for query, passage in PAIRS:
        with torch.no_grad():
            last = network(**tokenizer(query, passage, return_tensors="pt")).logits[0, -1]
        expected.append(float(last[yes] - last[no]))
    assert logits(path) == pytest.approx(expected, abs=1e-5)
