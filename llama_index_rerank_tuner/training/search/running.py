"""The loop of a search: ask for settings, train, keep the best, write it down."""

from __future__ import annotations

import logging
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from llama_index_rerank_tuner.errors import RerankTunerWarning
from llama_index_rerank_tuner.journal import Journal
from llama_index_rerank_tuner.training.search.space import SearchSpace
from llama_index_rerank_tuner.training.search.trials import Outcome, Trial, best_trial

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

logger = logging.getLogger(__name__)
BEST, SCRATCH = "best", ".trial"
UNPRUNED_TRIALS = 4
"""So many trials run to their end before one can lie behind their median."""
DRAWN_TRIALS = 4
"""So many trials are drawn at random before the sampler goes by their results."""


class OnLook(Protocol):
    """Told of each look at validation while a trial trains."""

    def __call__(self, step: int, ndcg: float) -> None:
        """Take the optimizer step and the nDCG@10; raises to end the trial."""


class TrainTrial(Protocol):
    """Trains once with a trial's settings."""

    def __call__(self, settings: dict[str, Any], folder: Path, on_look: OnLook) -> float:
        """Train, save the checkpoint at ``folder``, and return its nDCG@10 on validation."""


@dataclass(frozen=True, slots=True)
class Search:
    """Runs trials one after another, each chosen from the results of those before it.

    Args:
        journal: Keeps the trials. What is in it is not trained again.
        space: Where to look.
        start: Settings of the first trial.
        train: Trains one trial.
        output: Directory in which the best checkpoint is kept.
        seed: Seeds the choice of settings.
        prune: Whether trials may be ended early.
    """

    journal: Journal
    space: SearchSpace
    start: dict[str, Any]
    train: TrainTrial
    output: Path
    seed: int = 0
    prune: bool = True

    def run(self, trials: int) -> list[Trial]:
        """Go on until there are so many trials; returns them all, those of the journal first."""
        done = [Trial.from_dict(self.journal.get(key)) for key in self.journal]
        with _quiet_optuna():
            while len(done) < trials:
                trial = self._next(done)
                self.journal.append(str(trial.number), asdict(trial))
                logger.info("Trial %d of %d %s: nDCG@10 %s.", len(done) + 1, trials, trial.outcome, trial.ndcg)
                done.append(trial)
        return done

    def _next(self, done: Sequence[Trial]) -> Trial:
        """Run one trial; its checkpoint is kept where it is the best so far."""
        asked = self._ask(done)
        scratch = self.output / SCRATCH
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            trial = self._trained(asked, scratch / "model")
            # Kept before it is written down: a kill in between trains it again, and never loses it.
            if best_trial([*done, trial]) is trial:
                _promote(scratch / "model", self.output / BEST)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return trial

    def _ask(self, done: Sequence[Trial]) -> optuna.Trial:
        """The next settings: they depend on the seed and the trials so far only, so a resumed search asks the same."""
        import optuna

        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(n_startup_trials=DRAWN_TRIALS, seed=self.seed + len(done)),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED_TRIALS)
            if self.prune
            else optuna.pruners.NopPruner(),
        )
        distributions = self.space.distributions()
        study.add_trials([_known(trial, distributions) for trial in done])
        if not done:
            study.enqueue_trial(self.start)
        return study.ask(distributions)

    def _trained(self, asked: optuna.Trial, folder: Path) -> Trial:
        import optuna

        looks: list[tuple[int, float]] = []

        def on_look(step: int, ndcg: float) -> None:
            looks.append((step, ndcg))
            asked.report(ndcg, len(looks))
            if asked.should_prune():
                raise optuna.TrialPruned

        started = time.monotonic()
        outcome: Outcome = "complete"
        ndcg: float | None = None
        with _collected_warnings() as notes:
            try:
                ndcg = self.train(dict(asked.params), folder, on_look)
            except optuna.TrialPruned:
                outcome, ndcg = "pruned", max(value for _, value in looks)
            except Exception as error:
                logger.debug("Trial %d failed.", asked.number, exc_info=True)
                outcome = "failed"
                notes.append(f"{type(error).__name__}: {error}")
        seconds = time.monotonic() - started
        return Trial(asked.number, dict(asked.params), outcome, ndcg, tuple(looks), seconds, tuple(notes))


def _known(trial: Trial, distributions: Mapping[str, BaseDistribution]) -> optuna.trial.FrozenTrial:
    """A trial of the past, as optuna holds it."""
    import optuna

    states = {
        "complete": optuna.trial.TrialState.COMPLETE,
        "pruned": optuna.trial.TrialState.PRUNED,
        "failed": optuna.trial.TrialState.FAIL,
    }
    return optuna.trial.create_trial(
        state=states[trial.outcome],
        value=trial.ndcg if trial.outcome == "complete" else None,
        params=dict(trial.settings),
        distributions=dict(distributions),
        intermediate_values={number: ndcg for number, (_, ndcg) in enumerate(trial.looks, start=1)},
    )


def _promote(checkpoint: Path, best: Path) -> None:
    """Put a checkpoint in the best one's place."""
    replaced = best.with_name(f".{best.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if best.exists():
        best.rename(replaced)
    checkpoint.rename(best)
    shutil.rmtree(replaced, ignore_errors=True)


@contextmanager
def _collected_warnings() -> Iterator[list[str]]:
    """Collect this package's warnings as text, and give all others on."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RerankTunerWarning)
        yield notes
    for each in caught:
        if issubclass(each.category, RerankTunerWarning):
            notes.append(str(each.message))
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Hush the line that optuna logs for each study."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
