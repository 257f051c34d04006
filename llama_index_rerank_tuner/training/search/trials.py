"""What a search tried: a record of each trial, the table of them, and the settings that did best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from llama_index_rerank_tuner.json_files import write_json
from llama_index_rerank_tuner.training.settings.config import FinetuneConfig

Outcome = Literal["complete", "pruned", "failed"]
OPTIMISM = (
    "The best nDCG@10 here was picked from {count} trials on the very questions it is measured on, so it is "
    "optimistic. Measure the checkpoint on test questions that took no part in the search."
)


@dataclass(frozen=True, slots=True)
class Trial:
    """One training run of a search.

    Args:
        number: From 0, in the order they ran.
        settings: ``learning_rate``, ``epochs``, ``loss`` and ``negatives_per_query``.
        outcome: ``complete``; ``pruned``, ended early because it lay behind the others; or ``failed``.
        ndcg: Best nDCG@10 on validation; None where it failed.
        looks: (step, nDCG@10 on validation), each time it was measured.
        seconds: Time it took.
        notes: The error of a failed trial; warnings of training.
    """

    number: int
    settings: Mapping[str, Any]
    outcome: Outcome
    ndcg: float | None
    looks: tuple[tuple[int, float], ...]
    seconds: float
    notes: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Trial:
        """Read back what ``dataclasses.asdict`` and JSON made of it."""
        looks = tuple((int(step), float(ndcg)) for step, ndcg in stored["looks"])
        return cls(**{**stored, "looks": looks, "notes": tuple(stored["notes"])})


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What ``tune_hyperparameters`` found; ``str()`` is the table of trials, the best settings and a caution.

    Args:
        config: The best settings, for ``CrossEncoderFinetuneEngine(config=...)``.
        negatives_per_query: Negatives for a training question that the best trial used.
        trials: Every trial, in the order they ran.
        checkpoint: The best trial's model.
    """

    config: FinetuneConfig
    negatives_per_query: int
    trials: tuple[Trial, ...]
    checkpoint: Path

    @property
    def best(self) -> Trial:
        """The complete trial with the highest nDCG@10; the first of equals."""
        found = best_trial(self.trials)
        if found is None:
            raise ValueError("No trial ended.")
        return found

    @property
    def caution(self) -> str:
        """Why the best figure is optimistic."""
        return OPTIMISM.format(count=len(self.trials))

    def to_dict(self) -> dict[str, Any]:
        """Everything for a JSON report."""
        return {
            "best": self.best.number,
            "caution": self.caution,
            "config": self.config.to_dict(),
            "negatives_per_query": self.negatives_per_query,
            "trials": [asdict(trial) for trial in self.trials],
        }

    def save(self, folder: Path) -> None:
        """Write ``trials.json`` and ``trials.md``."""
        write_json(folder / "trials.json", self.to_dict())
        (folder / "trials.md").write_text(f"{self}\n", encoding="utf-8")

    def __str__(self) -> str:
        """Markdown."""
        best = self.best
        chosen = ", ".join(f"{name} {_shown(value)}" for name, value in best.settings.items())
        return f"{trials_table(self.trials)}\n\nBest: trial {best.number} ({chosen}).\n{self.caution}"


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The complete trial with the highest nDCG@10, the first of equals; None where none is complete."""
    complete = [trial for trial in trials if trial.outcome == "complete" and trial.ndcg is not None]
    return max(complete, key=lambda trial: trial.ndcg or 0.0, default=None)


def trials_table(trials: Sequence[Trial]) -> str:
    """A Markdown table of trials, the best one marked.

    Example:
        >>> print(trials_table([Trial(0, {"loss": "bce", "learning_rate": 4e-5}, "complete", 0.5, (), 12.3)]))
        | trial | loss | learning_rate | outcome | looks | nDCG@10 | seconds | notes |
        |---|---|---|---|---|---|---|---|
        | 0 (best) | bce | 4e-05 | complete | 0 | 0.5000 | 12 |  |
    """
    names = list(trials[0].settings) if trials else []
    head = ["trial", *names, "outcome", "looks", "nDCG@10", "seconds", "notes"]
    best = best_trial(trials)
    rows = [[*_cells(trial, names, best)] for trial in trials]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, *rows)).replace(
        "\n", f"\n|{'---|' * len(head)}\n", 1
    )


def _cells(trial: Trial, names: Sequence[str], best: Trial | None) -> list[str]:
    return [
        f"{trial.number} (best)" if trial is best else str(trial.number),
        *(_shown(trial.settings[name]) for name in names),
        trial.outcome,
        str(len(trial.looks)),
        "–" if trial.ndcg is None else f"{trial.ndcg:.4f}",
        f"{trial.seconds:.0f}",
        " ".join(trial.notes).replace("|", "/").replace("\n", " "),
    ]


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
