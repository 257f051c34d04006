"""The loop on a stand-in for training: what is pruned, kept, recorded and resumed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llama_index_rerank_tuner.errors import DataError, RerankTunerWarning
from llama_index_rerank_tuner.journal import Journal
from llama_index_rerank_tuner.training.search import SearchSpace, Trial
from llama_index_rerank_tuner.training.search.running import OnLook, Search

SPACE = SearchSpace(learning_rate=(1e-6, 1e-2), losses=("bce", "lambda"), negatives=(1, 8))
START = {"learning_rate": 1e-4, "epochs": 2, "loss": "bce", "negatives_per_query": 8}
Curve = Callable[[int, dict[str, Any]], list[float]]


class KilledError(BaseException):
    """Stands for the end of the process."""


class Training:
    """Reports the curve of each trial, and saves its number as the checkpoint."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        self.settings: list[dict[str, Any]] = []

    def __call__(self, settings: dict[str, Any], folder: Path, on_look: OnLook) -> float:
        self.settings.append(settings)
        curve = self.curve(len(self.settings) - 1, settings)
        folder.mkdir()
        (folder / "weights").write_text(repr(settings))
        for number, ndcg in enumerate(curve, start=1):
            on_look(10 * number, ndcg)
        return max(curve)


def search(folder: Path, training: Training, trials: int, **settings: Any) -> list[Trial]:
    with Journal(folder / "search.journal") as journal:
        return Search(journal, SPACE, START, training, folder, **settings).run(trials)


def flat(number: int, settings: dict[str, Any]) -> list[float]:
    return [0.5]


def by_learning_rate(number: int, settings: dict[str, Any]) -> list[float]:
    """Best at a learning rate of 1e-3."""
    from math import log10

    return [1 - abs(log10(settings["learning_rate"]) + 3) / 3]


def test_the_first_trial_is_the_start_and_all_stay_in_the_space(tmp_path: Path) -> None:
    training = Training(flat)
    search(tmp_path, training, 12)
    assert training.settings[0] == START
    for tried in training.settings:
        assert 1e-6 <= tried["learning_rate"] <= 1e-2
        assert tried["epochs"] in range(1, 6)
        assert tried["loss"] in ("bce", "lambda")
        assert tried["negatives_per_query"] in range(1, 9)
    assert len({tried["learning_rate"] for tried in training.settings}) == 12


def test_it_finds_better_settings_than_the_start(tmp_path: Path) -> None:
    trials = search(tmp_path, Training(by_learning_rate), 20)
    found = max(trial.ndcg or 0 for trial in trials)
    assert trials[0].ndcg == pytest.approx(2 / 3)
    assert found > 0.9


def test_the_best_checkpoint_alone_is_kept(tmp_path: Path) -> None:
    curves = [[0.5], [0.9], [0.7], [0.9]]
    training = Training(lambda number, _: curves[number])
    search(tmp_path, training, 4)
    assert (tmp_path / "best" / "weights").read_text() == repr(training.settings[1])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["best", "search.journal"]


def test_a_trial_behind_the_median_at_the_same_look_is_pruned(tmp_path: Path) -> None:
    curves = [[0.5, 0.6], [0.5, 0.6], [0.5, 0.6], [0.5, 0.6], [0.2, 0.3], [0.6, 0.7]]
    trials = search(tmp_path, Training(lambda number, _: curves[number]), 6)
    assert [trial.outcome for trial in trials] == ["complete"] * 4 + ["pruned", "complete"]
    assert (trials[4].ndcg, trials[4].looks) == (0.2, ((10, 0.2),))
    assert trials[5].looks == ((10, 0.6), (20, 0.7))


def test_without_pruning_every_trial_ends(tmp_path: Path) -> None:
    curves = [[0.5, 0.6]] * 4 + [[0.2, 0.3]]
    trials = search(tmp_path, Training(lambda number, _: curves[number]), 5, prune=False)
    assert trials[4].looks == ((10, 0.2), (20, 0.3))


def test_a_failing_trial_is_recorded_and_the_search_goes_on(tmp_path: Path) -> None:
    def diverges_once(number: int, settings: dict[str, Any]) -> list[float]:
        if number == 1:
            raise RuntimeError("out of memory")
        return [0.5]

    trials = search(tmp_path, Training(diverges_once), 3)
    assert [trial.outcome for trial in trials] == ["complete", "failed", "complete"]
    assert (trials[1].ndcg, trials[1].notes) == (None, ("RuntimeError: out of memory",))


def test_warnings_of_a_trial_stand_in_its_record_and_others_pass_through(tmp_path: Path) -> None:
    def warns(number: int, settings: dict[str, Any]) -> list[float]:
        warnings.warn("Training did not help.", RerankTunerWarning, stacklevel=2)
        warnings.warn("old API", FutureWarning, stacklevel=2)
        return [0.5]

    with pytest.warns(FutureWarning, match="old API") as seen:
        trials = search(tmp_path, Training(warns), 1)
    assert trials[0].notes == ("Training did not help.",)
    assert [each.category for each in seen] == [FutureWarning]


@pytest.mark.parametrize("killed_in", [0, 3, 6])
def test_a_killed_search_ends_as_it_would_have(tmp_path: Path, killed_in: int) -> None:
    def killed(number: int, settings: dict[str, Any]) -> list[float]:
        if number == killed_in:
            raise KilledError
        return by_learning_rate(number, settings)

    whole, cut = tmp_path / "whole", tmp_path / "cut"
    expected = search(whole, Training(by_learning_rate), 8)
    with pytest.raises(KilledError):
        search(cut, Training(killed), 8)
    resumed = Training(by_learning_rate)
    found = search(cut, resumed, 8)
    assert len(resumed.settings) == 8 - killed_in
    assert [(t.number, t.settings, t.ndcg, t.looks) for t in found] == [
        (t.number, t.settings, t.ndcg, t.looks) for t in expected
    ]
    assert (cut / "best" / "weights").read_text() == (whole / "best" / "weights").read_text()


def test_a_finished_search_trains_nothing_more_and_can_be_extended(tmp_path: Path) -> None:
    first = search(tmp_path, Training(by_learning_rate), 3)
    again = Training(by_learning_rate)
    assert search(tmp_path, again, 3) == first
    assert again.settings == []
    assert search(tmp_path, again, 5)[:3] == first
    assert len(again.settings) == 2


def test_another_seed_tries_other_settings(tmp_path: Path) -> None:
    tried = []
    for seed in (0, 1):
        training = Training(flat)
        search(tmp_path / str(seed), training, 3, seed=seed)
        tried.append(training.settings)
    assert tried[0][0] == tried[1][0]
    assert tried[0][1:] != tried[1][1:]


def test_a_journal_of_another_search_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "search.journal", {"data": "a"}):
        pass
    with pytest.raises(DataError, match="made with other settings"):
        search(tmp_path, Training(flat), 1)
