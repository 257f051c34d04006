"""The engine on tiny models: it learns, saves the best, refuses what cannot work, and loses nothing."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import (
    CheckpointExistsError,
    CheckpointNotFoundError,
    ConfigError,
    DataError,
    LeakError,
    NotTrainedError,
    RerankTunerWarning,
)
from llama_index_rerank_tuner.reranking import FinetunedRerank
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine, FinetuneConfig
from llama_index_rerank_tuner.training.engine import say_what_was_chosen


class CutOffError(BaseException):
    """Stands for Ctrl-C, which pytest takes for its own."""


FAST = FinetuneConfig(epochs=1, learning_rate=1e-3, batch_size=32)
HARSH = FinetuneConfig(epochs=2, learning_rate=1e-2, batch_size=4)


def engine(data: RerankDataset, model: str, output: Path, **settings: Any) -> CrossEncoderFinetuneEngine:
    split = data.split(val=12, test=12)
    settings = {"config": FAST, **settings}
    return CrossEncoderFinetuneEngine(split.train, split.val, model_id=model, model_output_path=output, **settings)


@pytest.fixture(scope="module")
def trained(
    learnable: RerankDataset, tiny_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> CrossEncoderFinetuneEngine:
    config = FinetuneConfig(epochs=6, learning_rate=3e-3, batch_size=16)
    output = tmp_path_factory.mktemp("trained") / "model"
    made = engine(learnable, str(tiny_models["cross-encoder"]), output, config=config)
    made.finetune()
    return made


def test_it_learns_what_can_be_learnt(trained: CrossEncoderFinetuneEngine) -> None:
    curve = trained.report["curve"]["validation"]
    before, best = curve[0][1], trained.report["best"][1]
    assert before < 0.8
    assert best > 0.9


def test_the_best_checkpoint_is_saved_and_the_last_beside_it(trained: CrossEncoderFinetuneEngine) -> None:
    report = json.loads((trained.model_output_path / "training_report.json").read_text())
    assert report["best"][1] == max(value for step, value in report["curve"]["validation"] if step > 0)
    assert (trained.model_output_path / "last" / "config.json").is_file()
    assert report["validated on"] == "given passages"


def test_no_scratch_folder_is_left_behind(trained: CrossEncoderFinetuneEngine) -> None:
    assert [each.name for each in trained.model_output_path.parent.iterdir()] == ["model"]


def test_the_tuned_model_is_the_one_returned(trained: CrossEncoderFinetuneEngine) -> None:
    reranker = trained.get_finetuned_model()
    assert isinstance(reranker, FinetunedRerank)
    assert (reranker.model, reranker.top_n) == (str(trained.model_output_path), 3)
    logits = reranker.scorer([("what fee the city", "fee rule of form"), ("what fee the city", "fee cat of form")])
    assert logits[0] > logits[1]


def test_a_stored_verdict_that_is_not_better_warns(trained: CrossEncoderFinetuneEngine) -> None:
    stored = trained.model_output_path / "verdict.json"
    stored.write_text(json.dumps({"verdict": "no evidence", "reason": "+0.001 [-0.1, +0.1]"}))
    try:
        with pytest.warns(RerankTunerWarning, match=r"'no evidence': \+0.001"):
            trained.get_finetuned_model()
    finally:
        stored.unlink()


def test_faulty_training_data_is_told_before_it_is_trained_on(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    split = learnable.split(val=12, test=12)
    first, *others = split.train.examples
    wrong = replace(first, negatives=first.negatives + first.positives[:1])
    train = split.train.with_examples([wrong, *others])
    made = CrossEncoderFinetuneEngine(
        train, split.val, model_id=tiny_cross_encoder, model_output_path=tmp_path / "model", config=FAST
    )
    made.finetune()
    assert "Training data: Negatives that are also marked relevant for the same question: 1." in caplog.text


def test_same_seed_same_weights(learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path) -> None:
    pair = [("what fee the city", "fee rule of form")]
    scores = []
    for name in ("a", "b"):
        made = engine(learnable, tiny_cross_encoder, tmp_path / name)
        made.finetune()
        scores.append(made.get_finetuned_model().scorer(pair).tolist())
    assert scores[0] == scores[1]


def test_an_encoder_gets_a_head_and_a_warm_start(learnable: RerankDataset, tiny_encoder: str, tmp_path: Path) -> None:
    lists = [
        replace(
            example,
            candidates=tuple(
                replace(passage, teacher_score=score)
                for passage, score in zip((*example.positives, *example.negatives), (9.0, 2.0, 1.0, 0.0), strict=True)
            ),
        )
        for example in learnable[:20]
    ]
    made = engine(learnable, tiny_encoder, tmp_path / "model", warm_start=lists)
    made.finetune()
    assert (made.report["new_head"], made.report["warm start pairs"]) == (True, 80)
    assert made.base_model_path == str(tmp_path / "model" / "base")
    assert FinetunedRerank(made.base_model_path).contract == made.contract


def test_without_validation_data_a_tenth_is_cut_by_group(learnable: RerankDataset, tiny_cross_encoder: str) -> None:
    made = CrossEncoderFinetuneEngine(learnable, model_id=tiny_cross_encoder)
    assert len(made.train_dataset) + len(made.val_dataset) == len(learnable)
    assert {e.group for e in made.train_dataset}.isdisjoint(e.group for e in made.val_dataset)


def test_validation_questions_that_stand_in_the_training_data_are_refused(
    learnable: RerankDataset, tiny_cross_encoder: str
) -> None:
    with pytest.raises(LeakError, match=r"12 questions stand on both sides"):
        CrossEncoderFinetuneEngine(learnable, learnable[:12], model_id=tiny_cross_encoder)


def test_triples_samples_and_dicts_give_the_same_data(learnable: RerankDataset, tiny_cross_encoder: str) -> None:
    class Sample:
        def __init__(self, query: str, context: str, score: int) -> None:
            self.query, self.context, self.score = query, context, score

    rows = [
        (example.query, passage.text, label)
        for example in learnable
        for passages, label in ((example.positives, 1), (example.negatives, 0))
        for passage in passages
    ]
    as_dicts = [{"query": q, "passage": p, "score": s} for q, p, s in rows]
    as_samples = [Sample(q, p, s) for q, p, s in rows]
    made = [
        CrossEncoderFinetuneEngine(train_dataset=as_dicts, model_id=tiny_cross_encoder),
        CrossEncoderFinetuneEngine(dataset=as_samples, model_id=tiny_cross_encoder),
    ]
    assert made[0].train_dataset == made[1].train_dataset


def test_an_existing_checkpoint_is_refused_then_overwritten_on_request(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path
) -> None:
    output = tmp_path / "model"
    engine(learnable, tiny_cross_encoder, output).finetune()
    before = (output / "training_report.json").read_bytes()
    with pytest.raises(CheckpointExistsError, match=r"already holds a checkpoint.*overwrite=True"):
        engine(learnable, tiny_cross_encoder, output).finetune()
    assert (output / "training_report.json").read_bytes() == before
    engine(learnable, tiny_cross_encoder, output, overwrite=True, learning_rate=5e-4).finetune()
    assert json.loads((output / "training_report.json").read_text())["settings"]["learning_rate"] == 5e-4


def test_a_run_that_fails_leaves_the_old_checkpoint_whole(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "model"
    engine(learnable, tiny_cross_encoder, output).finetune()
    before = {each.name: each.read_bytes() for each in output.iterdir() if each.is_file()}
    from llama_index_rerank_tuner.training.run import phases as run

    def cut_off(*_: Any, **__: Any) -> None:
        raise CutOffError

    monkeypatch.setattr(run, "fit", cut_off)
    with pytest.raises(CutOffError):
        engine(learnable, tiny_cross_encoder, output, overwrite=True).finetune()
    assert {each.name: each.read_bytes() for each in output.iterdir() if each.is_file()} == before
    monkeypatch.undo()
    engine(learnable, tiny_cross_encoder, output, overwrite=True).finetune()


def test_a_folder_with_other_files_is_never_touched(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="no checkpoint"):
        engine(learnable, tiny_cross_encoder, tmp_path, overwrite=True).finetune()


def test_a_model_path_that_does_not_exist_is_named(learnable: RerankDataset, tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match="no-such-model"):
        engine(learnable, str(tmp_path / "no-such-model"), tmp_path / "model").finetune()
    assert not (tmp_path / "model").exists()


def test_asking_for_the_model_before_training_says_so(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path
) -> None:
    trained_before = tmp_path / "model"
    trained_before.mkdir()
    (trained_before / "config.json").write_text("{}")
    with pytest.raises(NotTrainedError, match=r"call finetune\(\) first, or give an earlier checkpoint"):
        engine(learnable, tiny_cross_encoder, trained_before).get_finetuned_model()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "it is empty"),
        ([{"query": "q", "passage": "p"}], r'record 0: the key "score" is missing'),
        ([{"query": "q", "passage": "p", "score": "yes"}], r"record 0: .score. is 'yes'. Expected a number"),
        ([{"query": "q", "passage": "p", "score": 0}], r"record 0: the query has no positive passage"),
        ({"query": "q"}, "not a list of records"),
        ([object()], "record 0: a object is no record"),
    ],
)
def test_unusable_data_is_refused_before_any_model_is_loaded(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        CrossEncoderFinetuneEngine(train_dataset=data, model_id="no-such-model")


def test_both_names_for_the_training_data_at_once_are_refused(learnable: RerankDataset) -> None:
    with pytest.raises(ConfigError, match="train_dataset="):
        CrossEncoderFinetuneEngine(learnable, dataset=learnable)


@pytest.mark.parametrize(
    "settings", [{"epochs": 0}, {"epochs": 0.5}, {"batch_size": -1}, {"learning_rate": 0.0}, {"warmup_steps": -1}]
)
def test_impossible_settings_are_refused(learnable: RerankDataset, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        CrossEncoderFinetuneEngine(learnable, **settings)


def test_training_that_harms_says_so() -> None:
    report = {
        "validated on": "given passages",
        "best": [9, 0.4],
        "curve": {"validation": [[0, 0.6], [9, 0.4], [18, 0.3]]},
    }
    with pytest.warns(RerankTunerWarning, match=r"Training did not help.* was 0\.6000 before and 0\.4000 at its best"):
        say_what_was_chosen(report)


def test_a_healthy_run_gives_no_warning(learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path) -> None:
    config = FinetuneConfig(epochs=6, learning_rate=1e-3, batch_size=16)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RerankTunerWarning)
        engine(learnable, tiny_cross_encoder, tmp_path / "model", config=config).finetune()


def test_it_serves_the_length_it_was_trained_on(learnable: RerankDataset, tiny_encoder: str, tmp_path: Path) -> None:
    """Trained on pairs of 8 tokens, it serves pairs of 8 tokens, whoever loads it."""
    from sentence_transformers import CrossEncoder

    made = engine(learnable, tiny_encoder, tmp_path / "model", config=replace(FAST, max_length=8))
    made.finetune()
    assert made.report["settings"]["max_length"] == made.contract.max_length == 8
    long_passage = "city " * 40
    for folder in (made.model_output_path, made.model_output_path / "last"):
        model = CrossEncoder(str(folder))
        assert model.max_seq_length == 8
        assert model.predict([("what fee", long_passage + "rule")]) == model.predict(
            [("what fee", long_passage + "cat")]
        )


def test_a_model_that_diverges_is_not_saved(learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path) -> None:
    from llama_index_rerank_tuner.errors import ScoreError

    diverging = FinetuneConfig(epochs=3, learning_rate=1e30, batch_size=16, warmup_steps=0)
    with pytest.raises(ScoreError, match=r"NaN or infinite scores.*lower learning rate"):
        engine(learnable, tiny_cross_encoder, tmp_path / "model", config=diverging).finetune()
    assert not (tmp_path / "model").exists()
