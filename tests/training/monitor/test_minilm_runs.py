"""The watch over real MiniLM on the bundled handbook: silent where it learns, in words where it cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llama_index_rerank_tuner.dataset import load_guide_zh, load_handbook
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.training.watch.guard import guard_examples
from tests.training.monitor.runs import constant, swapped, train

pytestmark = pytest.mark.slow
SHORT = {"plain": False, "max_length": 64}


def questions(start: int, number: int) -> list[RerankExample]:
    """Handbook questions, each with its answer and three passages of other families."""
    handbook = load_handbook()
    chosen = handbook.examples[start : start + number]
    return [
        replace(
            example,
            negatives=tuple(each for each in handbook.corpus if each.group != example.group)[turn % 60 :: 17][:3],
        )
        for turn, example in enumerate(chosen)
    ]


TRAINING, VALIDATION = questions(0, 160), questions(200, 40)


def test_a_run_that_learns_is_silent(minilm: str, tmp_path: Path) -> None:
    run = train(minilm, TRAINING, VALIDATION, tmp_path, learning_rate=2e-4, epochs=3, **SHORT)
    assert run.names == []
    assert run.curve.looks[-1].ndcg > run.curve.looks[0].ndcg + 0.1
    assert run.curve.looks[-1].loss < 0.9 * run.curve.looks[-1].constant_loss


def test_a_learning_rate_of_a_tenth_is_lost(minilm: str, tmp_path: Path) -> None:
    run = train(minilm, TRAINING[:40], VALIDATION, tmp_path, learning_rate=1e-1, epochs=4, **SHORT)
    assert run.names in (["collapse"], ["divergence"])
    assert not run.watch.healthy


def test_swapped_labels_look_flipped(minilm: str, tmp_path: Path) -> None:
    run = train(minilm, swapped(TRAINING), VALIDATION, tmp_path, learning_rate=2e-4, epochs=1, **SHORT)
    assert "flipped labels" in run.names


def test_twenty_examples_for_fifty_epochs_are_learnt_by_heart(minilm: str, tmp_path: Path) -> None:
    """Wrong answers drawn at random teach no rule: all that can be learnt is these twenty."""
    random_answers = [
        replace(each, positives=each.negatives[turn % 3 : turn % 3 + 1], negatives=(*each.positives, each.negatives[0]))
        if turn % 3
        else each
        for turn, each in enumerate(TRAINING[:20])
    ]
    run = train(minilm, random_answers, VALIDATION, tmp_path, learning_rate=2e-4, epochs=50, look_every=25, **SHORT)
    assert "over-fitting" in run.names


def test_constant_passages_are_a_collapse(minilm: str, tmp_path: Path) -> None:
    run = train(minilm, constant(TRAINING[:20]), constant(VALIDATION), tmp_path, learning_rate=2e-4, **SHORT)
    assert run.names == ["collapse"]


def test_the_handbook_is_no_guard_of_itself_and_chinese_none_of_an_english_model(minilm: str) -> None:
    from llama_index_rerank_tuner.reranking.backends import load_cross_encoder
    from llama_index_rerank_tuner.training.watch.guard import reads

    known = reads(load_cross_encoder(minilm, device="cpu", max_length=64, new_head=True))
    assert guard_examples(load_handbook().examples, known) == []
    assert len(guard_examples(load_guide_zh().examples, known)) == 24
