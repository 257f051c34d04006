"""Every alarm provoked in a real run of a tiny BERT; what the run learns from is all that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.monitor.conftest import Learnt
from tests.training.monitor.runs import by_heart, constant, swapped, train


def test_a_run_that_learns_is_silent_and_keeps_its_best(learnt: Learnt) -> None:
    assert learnt.run.names == []
    assert learnt.run.warned == []
    assert learnt.run.best == 1.0
    assert learnt.run.watch.healthy


@pytest.mark.parametrize("loss", ["listnet", "bce"])
def test_a_learning_rate_of_a_tenth_collapses(learnt: Learnt, tmp_path: Path, loss: str) -> None:
    run = train(learnt.path, learnt.training, learnt.validation, tmp_path, learning_rate=1e-1, loss=loss)
    assert run.names == ["collapse"]
    assert not run.watch.healthy
    assert run.best is None
    assert not (tmp_path / "best").exists()
    assert run.curve.stopped == "the model is lost (collapse)"
    assert "collapse at step 11" in run.warned[0]


def test_an_endless_learning_rate_diverges_and_ends_the_run(learnt: Learnt, tmp_path: Path) -> None:
    run = train(learnt.path, learnt.training, learnt.validation, tmp_path, learning_rate=1e30)
    assert run.names == ["divergence"]
    assert run.best is None
    assert run.curve.broken_at is not None
    assert run.curve.broken_at < 11


def test_swapped_training_labels_look_flipped(learnt: Learnt, tmp_path: Path) -> None:
    run = train(
        learnt.path, swapped(learnt.training), learnt.validation, tmp_path, learning_rate=3e-3, epochs=1, look_every=8
    )
    assert run.names == ["flipped labels"]
    assert "Training goes the wrong way" in run.curve.alarms[0].message


def test_labels_swapped_on_both_sides_look_flipped_before_training(learnt: Learnt, tmp_path: Path) -> None:
    run = train(
        learnt.path, swapped(learnt.training), swapped(learnt.validation), tmp_path, learning_rate=3e-3, epochs=1
    )
    assert [(alarm.name, alarm.step) for alarm in run.curve.alarms] == [("flipped labels", 0)]


def test_twenty_examples_for_fifty_epochs_are_learnt_by_heart(learnt: Learnt, tmp_path: Path) -> None:
    run = train(
        learnt.fresh, by_heart(20, 1), by_heart(40, 2), tmp_path, learning_rate=3e-3, epochs=50, lists_per_step=10,
        look_every=20,
    )  # fmt: skip
    assert run.names == ["over-fitting"]


def test_another_subject_at_a_high_rate_is_forgetting(learnt: Learnt, tmp_path: Path) -> None:
    run = train(
        learnt.path, by_heart(20, 1), by_heart(40, 2), tmp_path, learning_rate=1e-2, lists_per_step=5, look_every=8,
        guard=learnt.validation,
    )  # fmt: skip
    assert "forgetting" in run.names
    assert run.curve.looks[0].guard == 1.0
    assert run.curve.looks[0].guard_chance == pytest.approx(0.6404, abs=1e-4)


def test_constant_passages_are_a_collapse(learnt: Learnt, tmp_path: Path) -> None:
    run = train(learnt.path, constant(learnt.training), constant(learnt.validation), tmp_path, learning_rate=3e-3)
    assert run.names == ["collapse"]
    assert "not all the same text" in run.curve.alarms[0].advice


def test_constant_training_passages_teach_nothing(learnt: Learnt, tmp_path: Path) -> None:
    run = train(learnt.fresh, constant(learnt.training), learnt.validation, tmp_path, learning_rate=3e-3)
    assert run.names == ["loss not falling"]


def test_a_learning_rate_that_moves_nothing_is_told(learnt: Learnt, tmp_path: Path) -> None:
    run = train(learnt.fresh, learnt.training, learnt.validation, tmp_path, learning_rate=1e-7, epochs=2)
    assert run.names == ["loss not falling"]
    assert run.curve.alarms[0].advice.startswith("Raise the learning rate")


def test_a_head_driven_too_far_saturates(learnt: Learnt, tmp_path: Path) -> None:
    run = train(
        learnt.path, learnt.training, learnt.validation, tmp_path, learning_rate=1.0, epochs=1, loss="bce",
        head_only=True,
    )  # fmt: skip
    assert run.names == ["saturation"]
    assert run.watch.healthy


def test_patience_ends_a_run_that_gains_no_more(learnt: Learnt, tmp_path: Path) -> None:
    run = train(learnt.path, learnt.training, learnt.validation, tmp_path, learning_rate=1e-4, epochs=9, patience=2)
    assert [look.step for look in run.curve.looks] == [0, 11, 22, 33]
    assert run.curve.stopped == "nDCG@10 did not gain in 2 looks: best 1.0000 at step 11"
