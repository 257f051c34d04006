"""The out-of-domain guard set."""

from __future__ import annotations

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset, load_guide_zh, load_handbook
from llama_index_rerank_tuner.reranking.backends import load_cross_encoder
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.model.hardware import TrainingHardware
from llama_index_rerank_tuner.training.watch.guard import guard_examples, reads
from llama_index_rerank_tuner.training.watch.validation import RankingEvaluator


def test_it_is_the_same_every_time_and_never_lists_the_answer_as_wrong(learnable: RerankDataset) -> None:
    first, second = guard_examples(learnable.examples), guard_examples([])
    assert first == second
    for example in first:
        assert example.positives[0].key not in {passage.key for passage in example.negatives}
        assert len({passage.key for passage in example.negatives}) == 5


def test_passages_of_the_answers_own_family_are_among_the_wrong_ones() -> None:
    for example in guard_examples([]):
        assert any(passage.group == example.group for passage in example.negatives)


def test_it_draws_from_many_families() -> None:
    assert len({example.group for example in guard_examples([])}) >= 24


@pytest.mark.parametrize(("load", "left"), [(load_handbook, 24), (load_guide_zh, 24)])
def test_a_bundled_set_that_is_trained_on_guards_nothing(load: type, left: int) -> None:
    trained_on = load().examples[5:6]
    guards = guard_examples(trained_on)
    assert len(guards) == left
    assert trained_on[0].group not in {example.group for example in guards}


def test_a_set_in_words_that_the_model_does_not_know_guards_nothing(tiny_cross_encoder: str) -> None:
    model = load_cross_encoder(tiny_cross_encoder, device="cpu", max_length=64)
    known = reads(model)
    assert known(["what is the fee of the city", "who may apply"])
    assert not known(["研发费用加计扣除"])
    assert guard_examples([], known) == []


def test_a_model_without_an_unknown_token_reads_everything() -> None:
    class Bytes:
        tokenizer = type(
            "Tokenizer", (), {"__call__": lambda self, texts, **_: {"input_ids": [[1, 2] for _ in texts]}}
        )()

    assert reads(Bytes())(["研发费用"])  # type: ignore[arg-type]


def test_the_evaluator_looks_at_it_before_training_and_once_an_epoch(
    learnable: RerankDataset, tiny_cross_encoder: str
) -> None:
    model = load_cross_encoder(tiny_cross_encoder, device="cpu", max_length=64)
    validation = learnable.examples[:3]
    evaluator = RankingEvaluator(
        validation, TextContract("none"), TrainingHardware.of(model), guard=guard_examples([])[:4]
    )
    seen = [evaluator.look(model, step, step / 10).guard is not None for step in (0, 5, 10, 15, 19, 24, 30)]
    assert seen == [True, False, True, False, False, True, True]
    assert evaluator.look(model).guard_chance == pytest.approx(0.5508, abs=1e-4)
