"""What was seen during a run: a ``Look`` at one step, an ``Alarm`` about them, and the ``Curve`` of it all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

METRIC = "nDCG@10"
GUARD_METRIC = f"guard_{METRIC}"
_METRIC_OF_FIELD = {"ndcg": METRIC, "mrr": "MRR", "loss": "validation_loss", "guard": GUARD_METRIC}
_COUNTS = ("questions", "broken")


@dataclass(frozen=True, slots=True)
class Look:
    """The figures of one validation.

    Args:
        step: Training step; 0 is the model before training.
        epoch: Passes over the training data so far.
        ndcg: Mean nDCG@10, 0 to 1.
        mrr: Mean reciprocal rank of the first positive, 0 to 1.
        loss: Softmax cross-entropy of each list's logits against its positives, in nats, averaged over the questions
            with both a positive and a negative; the same measure whatever loss the model trains on.
        constant_loss: The same of a model that gives every passage the same score.
        gap: Mean logit of a question's positives minus that of its hardest negative, averaged over the questions.
        standardised_gap: ``gap`` in standard deviations of all scores; 0 where these are all equal.
        spread: Standard deviation of the logits within a question, averaged over the questions.
        pairs_in_order: Share of (positive, negative) pairs with the positive above, averaged over the questions; 0.5
            is chance.
        saturated: Share of logits whose sigmoid is 0 or 1 in single precision.
        questions: Number of validation questions.
        broken: Scores that were NaN or infinite; with any, the other figures are 0 and say nothing.
        guard: Mean nDCG@10 on the out-of-domain guard set; None where it was not looked at.
        guard_chance: What a random order would have on the guard set.

    Example:
        >>> look = Look(step=40, epoch=1.0, ndcg=0.71, mrr=0.66, loss=0.8, constant_loss=1.79)
        >>> Look.from_metrics(40, 1.0, look.metrics()) == look
        True
    """

    step: int
    epoch: float
    ndcg: float
    mrr: float = 0.0
    loss: float = 0.0
    constant_loss: float = 0.0
    gap: float = 0.0
    standardised_gap: float = 0.0
    spread: float = 0.0
    pairs_in_order: float = 0.5
    saturated: float = 0.0
    questions: int = 0
    broken: int = 0
    guard: float | None = None
    guard_chance: float = 0.0

    def metrics(self) -> dict[str, float]:
        """The figures under the names that trackers show; ``guard`` is missing where it was not looked at."""
        figures = {_metric(name): getattr(self, name) for name in _FIGURES}
        return {name: float(value) for name, value in figures.items() if value is not None}

    @classmethod
    def from_metrics(cls, step: int, epoch: float, metrics: Mapping[str, float], prefix: str = "") -> Look:
        """Read back ``metrics()``.

        Args:
            step: Training step.
            epoch: Passes over the training data so far.
            metrics: The figures by name; others are passed over.
            prefix: What the trainer put before each name.
        """
        known = {name: metrics.get(prefix + _metric(name)) for name in _FIGURES}
        figures = {name: value for name, value in known.items() if value is not None}
        counts = {name: int(value) for name, value in figures.items() if name in _COUNTS}
        return cls(step, epoch, **{"ndcg": 0.0, **figures, **counts})  # type: ignore[arg-type]

    @property
    def trained(self) -> bool:
        """Whether this is after at least one step."""
        return self.step > 0

    def clear_change(self, least: float) -> float:
        """The smallest change of a mean over the questions that is no noise.

        Half a unit over the root of their number is about two standard errors of a paired difference; ``least`` holds
        where the questions are many.

        Example:
            >>> Look(0, 0, 0.5, questions=25).clear_change(0.03), Look(0, 0, 0.5, questions=2500).clear_change(0.03)
            (0.1, 0.03)
        """
        return max(least, 0.5 / math.sqrt(self.questions)) if self.questions else least


_FIGURES = tuple(each.name for each in fields(Look) if each.name not in ("step", "epoch"))


def _metric(name: str) -> str:
    return _METRIC_OF_FIELD.get(name, name)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that looks wrong.

    Args:
        name: ``divergence``, ``collapse``, ``saturation``, ``loss not falling``, ``over-fitting``, ``forgetting`` or
            ``flipped labels``.
        message: What is seen, with its figures.
        advice: What to try.
        step: Training step at which it was seen; 0 is before training.

    Example:
        >>> print(Alarm("collapse", "All scores are alike.", "Lower the learning rate.", 40))
        collapse at step 40: All scores are alike. Lower the learning rate.
    """

    name: str
    message: str
    advice: str
    step: int

    def __str__(self) -> str:
        """One line for a log."""
        return f"{self.name} at step {self.step}: {self.message} {self.advice}"


@dataclass(slots=True)
class Curve:
    """What a run measured, step by step. ``dataclasses.asdict`` of it is valid JSON.

    Args:
        loss: (step, mean training loss since the last one).
        validation: (step, nDCG@10).
        looks: All figures of each validation, the one before training first where it was made.
        alarms: What looked wrong, in the order in which it was seen.
        broken_at: Step at which the training loss was NaN or infinite; None where it never was.
        stopped: Why training ended before its time; None where it did not.
    """

    loss: list[tuple[int, float]] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    broken_at: int | None = None
    stopped: str | None = None

    def add(self, look: Look) -> None:
        """Take a look."""
        self.looks.append(look)
        self.validation.append((look.step, look.ndcg))

    def add_loss(self, step: int, value: float) -> None:
        """Take a training loss; one that is no number is remembered by its step alone."""
        if math.isfinite(value):
            self.loss.append((step, value))
        elif self.broken_at is None:
            self.broken_at = step

    @property
    def start(self) -> Look | None:
        """The model before training; None where nobody looked."""
        return self.looks[0] if self.looks and not self.looks[0].trained else None

    @property
    def sound(self) -> list[Look]:
        """The looks whose scores were all numbers."""
        return [look for look in self.looks if not look.broken]

    @property
    def best(self) -> tuple[int, float] | None:
        """Step and nDCG@10 of the best trained weights; the first of equals; None where nothing sound was validated.

        Nothing counts from the step on at which the model diverged or collapsed.
        """
        lost = {look.step for look in self.looks if look.broken}
        lost |= {alarm.step for alarm in self.alarms if alarm.name == "collapse"}
        until = min(lost, default=math.inf)
        trained = [point for point in self.validation if 0 < point[0] < until]
        return max(trained, key=lambda point: point[1], default=None)

    def until(self, step: int) -> Curve:
        """The losses and looks up to a step."""
        losses = [point for point in self.loss if point[0] <= step]
        looks = [look for look in self.looks if look.step <= step]
        return Curve(losses, [point for point in self.validation if point[0] <= step], looks)

    def loss_between(self, after: int, until: int) -> float | None:
        """Mean training loss over the steps ``after < step <= until``; None where none was logged."""
        logged = [value for step, value in self.loss if after < step <= until]
        return sum(logged) / len(logged) if logged else None
