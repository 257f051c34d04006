"""Ten runs that learn, of a tiny BERT: every look of each is silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.training.monitor.conftest import Learnt
from tests.training.monitor.runs import train

FRESH = [
    {"learning_rate": 3e-3, "epochs": 4, "seed": 1},
    {"learning_rate": 3e-3, "epochs": 6, "seed": 2, "lists_per_step": 8},
    {"learning_rate": 2e-3, "epochs": 6, "seed": 3},
    {"learning_rate": 5e-3, "epochs": 4, "seed": 4},
    {"learning_rate": 3e-3, "epochs": 6, "seed": 5, "look_every": 4},
    {"learning_rate": 3e-3, "epochs": 8, "seed": 6, "loss": "bce"},
    {"learning_rate": 5e-3, "epochs": 8, "seed": 7, "loss": "bce"},
]
LEARNT = [
    {"learning_rate": 1e-4, "epochs": 4, "seed": 8},
    {"learning_rate": 1e-3, "epochs": 4, "seed": 9, "loss": "bce"},
    {"learning_rate": 1e-3, "epochs": 8, "seed": 10, "look_every": 4},
]


@pytest.mark.slow
@pytest.mark.parametrize("settings", FRESH, ids=lambda settings: f"seed{settings['seed']}")
def test_a_fresh_model_that_learns_is_silent(learnt: Learnt, tmp_path: Path, settings: dict[str, Any]) -> None:
    run = train(learnt.fresh, learnt.training, learnt.validation, tmp_path, **settings)
    start, last = run.curve.looks[0], run.curve.looks[-1]
    assert last.ndcg > 0.95 > start.ndcg
    assert last.loss < 0.98 * start.loss
    assert (run.names, run.watch.healthy) == ([], True)


@pytest.mark.slow
@pytest.mark.parametrize("settings", LEARNT, ids=lambda settings: f"seed{settings['seed']}")
def test_a_good_model_that_learns_on_is_silent(learnt: Learnt, tmp_path: Path, settings: dict[str, Any]) -> None:
    run = train(learnt.path, learnt.training, learnt.validation, tmp_path, guard=learnt.validation[:6], **settings)
    assert run.curve.looks[-1].loss < run.curve.looks[0].loss
    assert (run.names, run.watch.healthy) == ([], True)
