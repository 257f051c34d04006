"""Looks, the curve, and the callbacks on a literal trainer state."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest

from llama_index_rerank_tuner.errors import RerankTunerWarning, ScoreError
from llama_index_rerank_tuner.training.run.keeping import KeepBestModel
from llama_index_rerank_tuner.training.watch.callbacks import CurveRecorder, Watch
from llama_index_rerank_tuner.training.watch.looks import Curve, Look

START = Look(0, 0.0, 0.6, 0.5, 1.5, 1.8, 0.1, 0.1, 1.0, 0.7, 0.0, 400, 0, 0.8, 0.55)
BETTER = Look(10, 1.0, 0.7, 0.6, 1.2, 1.8, 0.5, 0.4, 1.2, 0.8, 0.0, 400)
LOST = Look(20, 2.0, 0.75, 0.6, 1.8, 1.8, 0.0, 0.0, 1e-9, 0.5, 0.0, 400)
BROKEN = Look(20, 2.0, 0.0, questions=400, broken=96)


class Store:
    """Notes at which steps a model was saved as the best."""

    def __init__(self) -> None:
        self.saved: list[int] = []
        self.step: int | None = None

    def save(self, model: Any, step: int) -> None:
        self.saved.append(step)

    def forget_others(self) -> None:
        pass


class Trainer:
    """What the trainer does with its callbacks, as far as a log and an evaluation go."""

    def __init__(self, *callbacks: Any, history: list[dict[str, float]] | None = None, step: int = 0) -> None:
        self.callbacks = callbacks
        self.state = SimpleNamespace(
            global_step=step, epoch=0.0, max_steps=100, log_history=history or [], is_world_process_zero=True
        )
        self.control = SimpleNamespace(should_training_stop=False)
        for each in callbacks:
            each.on_train_begin(None, self.state, self.control)

    def log(self, **logs: float) -> None:
        self.state.log_history.append({**logs, "epoch": self.state.epoch, "step": self.state.global_step})
        for each in self.callbacks:
            each.on_log(None, self.state, self.control, logs=logs)

    def evaluate(self, look: Look) -> None:
        self.state.global_step, self.state.epoch = look.step, look.epoch
        metrics = {f"eval_{name}": value for name, value in look.metrics().items()}
        self.log(**metrics)
        for each in self.callbacks:
            each.on_evaluate(SimpleNamespace(save_strategy="no"), self.state, self.control, metrics=metrics)


def watched(patience: int | None = None) -> tuple[Curve, Store, KeepBestModel, Watch, Trainer]:
    curve, store = Curve(), Store()
    keep, watch = KeepBestModel(None, curve, store), Watch(curve, patience)  # type: ignore[arg-type]
    return curve, store, keep, watch, Trainer(CurveRecorder(curve), keep, watch)


@pytest.mark.parametrize("look", [START, BETTER, LOST, BROKEN])
def test_a_look_goes_through_the_trainers_metrics_and_back(look: Look) -> None:
    metrics = {f"eval_{name}": value for name, value in look.metrics().items()}
    again = Look.from_metrics(look.step, look.epoch, {**metrics, "eval_runtime": 3.0}, "eval_")
    assert again == look
    assert isinstance(again.questions, int)


def test_the_names_that_trackers_show() -> None:
    shown = START.metrics()
    assert (shown["nDCG@10"], shown["MRR"], shown["validation_loss"], shown["guard_nDCG@10"]) == (0.6, 0.5, 1.5, 0.8)
    assert "guard_nDCG@10" not in BETTER.metrics()


def test_the_curve_is_json_even_of_a_run_that_diverged() -> None:
    curve, _, _, _, trainer = watched()
    trainer.evaluate(START)
    trainer.evaluate(BETTER)
    trainer.log(loss=float("nan"))
    trainer.evaluate(BROKEN)
    text = json.dumps(asdict(curve), allow_nan=False)
    assert json.loads(text)["alarms"][0]["name"] == "divergence"
    assert json.loads(text)["validation"] == [[0, 0.6], [10, 0.7], [20, 0.0]]


def test_a_lost_model_never_replaces_the_best() -> None:
    curve, store, keep, watch, trainer = watched()
    trainer.evaluate(START)
    assert store.saved == []
    trainer.evaluate(BETTER)
    trainer.evaluate(LOST)  # its nDCG is higher, by luck
    assert store.saved == [10]
    assert (keep.ndcg, watch.healthy, trainer.control.should_training_stop) == (0.7, False, True)
    assert curve.best == (10, 0.7)


def test_a_model_that_diverges_later_keeps_what_was_good() -> None:
    curve, store, keep, watch, trainer = watched()
    trainer.evaluate(BETTER)
    trainer.evaluate(BROKEN)
    assert (store.saved, keep.ndcg, curve.best) == ([10], 0.7, (10, 0.7))
    assert not watch.healthy


def test_a_model_that_diverged_before_anything_was_kept_is_an_error() -> None:
    *_, trainer = watched()
    trainer.evaluate(START)
    with pytest.raises(ScoreError, match=r"96 NaN or infinite scores at step 20.*lower learning rate"):
        trainer.evaluate(BROKEN)


def test_a_model_that_is_broken_before_training_is_refused() -> None:
    *_, trainer = watched()
    with pytest.raises(ScoreError, match="Before any training the model gives 96 NaN"):
        trainer.evaluate(Look(0, 0.0, 0.0, broken=96))


def test_each_alarm_is_logged_once_and_all_stand_in_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    _, _, _, watch, trainer = watched()
    trainer.evaluate(START)
    with caplog.at_level(logging.WARNING):
        for step in (10, 20, 30):
            trainer.evaluate(Look(step, step / 10, 0.7, 0.6, 1.2, 1.8, 0.5, 0.4, 9.0, 0.8, 0.9, 400, guard=0.5))
    assert [record.getMessage().split(" at step 10")[0] for record in caplog.records] == [
        "Alarm in training: saturation",
        "Alarm in training: forgetting",
    ]
    with pytest.warns(RerankTunerWarning, match=r"(?s)Alarms in training:\n- saturation.*\n- forgetting"):
        watch.warn()


def test_a_run_without_alarms_warns_of_nothing() -> None:
    *_, watch, trainer = watched()
    trainer.evaluate(START)
    trainer.evaluate(BETTER)
    watch.warn()
    assert watch.healthy


def test_a_resumed_run_knows_its_curve_its_best_and_its_alarms(caplog: pytest.LogCaptureFixture) -> None:
    curve, _, before, _, trainer = watched(patience=2)
    trainer.evaluate(START)
    trainer.log(loss=1.5)
    trainer.evaluate(Look(10, 1.0, 0.7, 0.6, 1.2, 1.8, 0.5, 0.4, 1.2, 0.8, 0.9, 400))
    trainer.evaluate(Look(20, 2.0, 0.6, 0.6, 1.2, 1.8, 0.5, 0.4, 1.2, 0.8, 0.1, 400))
    history = json.loads(json.dumps(trainer.state.log_history))
    again, store = Curve(), Store()
    keep = KeepBestModel(None, again, store)  # type: ignore[arg-type]
    keep.load_state_dict(before.state_dict())
    resumed = Trainer(CurveRecorder(again), keep, Watch(again, 2), history=history, step=20)
    assert again == curve
    assert keep.ndcg == 0.7
    resumed.evaluate(Look(30, 3.0, 0.65, 0.6, 1.2, 1.8, 0.5, 0.4, 1.2, 0.8, 0.1, 400))
    assert store.saved == []
    assert again.stopped == "nDCG@10 did not gain in 2 looks: best 0.7000 at step 10"


def test_only_the_first_process_saves() -> None:
    _, store, keep, _, trainer = watched()
    trainer.state.is_world_process_zero = False
    trainer.evaluate(BETTER)
    assert (store.saved, keep.ndcg) == ([], 0.7)


def test_the_training_loss_between_two_looks_is_a_mean() -> None:
    curve = Curve(loss=[(5, 2.0), (10, 1.0), (15, 0.5)])
    assert curve.loss_between(0, 10) == 1.5
    assert curve.loss_between(15, 20) is None
