"""The watch over a run: alarms in words, and the end of training that brings nothing more."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from transformers import TrainerCallback

from llama_index_rerank_tuner.errors import RerankTunerWarning, ScoreError
from llama_index_rerank_tuner.training.watch.alarms import FATAL, MAX_FORGETTING, alarms, healthy
from llama_index_rerank_tuner.training.watch.looks import Curve
from llama_index_rerank_tuner.training.watch.stopping import should_stop

logger = logging.getLogger(__name__)


class Watch(TrainerCallback):
    """Raises each alarm once, in the log when it is seen, and ends training early where it brings nothing more.

    Give it after the ``CurveRecorder`` of the same curve. It ends training at once when the model has diverged or
    collapsed. The alarms stand in ``curve.alarms``, the reason for stopping in ``curve.stopped``.

    Args:
        curve: The run's curve, with the look before training in it where there was one.
        patience: Looks without gain before training stops; None never stops.
        max_forgetting: Fall of the guard set's nDCG@10 that is too much.
        described: Name of the run in the log.

    Raises:
        ScoreError: The model to start from gives NaN or infinite scores, or the model diverged before there was
            anything to keep. Raised in training, at the look that found it.
    """

    def __init__(
        self,
        curve: Curve,
        patience: int | None = None,
        max_forgetting: float = MAX_FORGETTING,
        described: str = "training",
    ) -> None:
        self.curve, self.patience = curve, patience
        self.max_forgetting, self.described = max_forgetting, described

    @property
    def healthy(self) -> bool:
        """Whether the run may replace a good checkpoint: it has neither diverged nor collapsed."""
        return healthy(self.curve.alarms)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Raise again what a resumed run had raised, from its looks up to each step."""
        for number in range(1, len(self.curve.looks)):
            self._raise_alarms(self.curve.until(self.curve.looks[number - 1].step), state.max_steps)
        self._look(state, control)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Do not go on with a loss that is no number."""
        if self.curve.broken_at is not None:
            self._look(state, control)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float] | None = None, **kwargs: Any
    ) -> None:
        """Raise the alarms, and decide whether to go on."""
        self._look(state, control)
        start = self.curve.start
        if start is not None and start.broken:
            raise ScoreError(
                f"Before any training the model gives {start.broken} NaN or infinite scores: the checkpoint to start "
                "from is damaged, or too large in scale for this precision. Try precision='fp32', or another model."
            )
        if self.curve.looks and self.curve.looks[-1].broken and self.curve.best is None:
            raise ScoreError(
                f"The model in training gave {self.curve.looks[-1].broken} NaN or infinite scores at step "
                f"{state.global_step}: it diverged. Train again with a lower learning rate or a longer warm-up."
            )

    def warn(self) -> None:
        """One warning that holds every alarm; none where there was none. For the end, when all is saved."""
        if self.curve.alarms:
            found = "\n".join(f"- {alarm}" for alarm in self.curve.alarms)
            warnings.warn(f"Alarms in {self.described}:\n{found}", RerankTunerWarning, stacklevel=3)

    def _look(self, state: Any, control: Any) -> None:
        self._raise_alarms(self.curve, state.max_steps)
        reason = self._lost() or should_stop(self.curve.looks, self.patience)
        if reason is not None and state.global_step < state.max_steps and self.curve.stopped is None:
            self.curve.stopped = reason
            logger.info("%s stops at step %d: %s.", self.described.capitalize(), state.global_step, reason)
        if self.curve.stopped is not None:
            control.should_training_stop = True

    def _raise_alarms(self, curve: Curve, max_steps: int) -> None:
        raised = {alarm.name for alarm in self.curve.alarms}
        for alarm in alarms(curve, max_steps, self.max_forgetting):
            if alarm.name not in raised:
                self.curve.alarms.append(alarm)
                logger.warning("Alarm in %s: %s", self.described, alarm)

    def _lost(self) -> str | None:
        names = [alarm.name for alarm in self.curve.alarms if alarm.name in FATAL]
        return f"the model is lost ({names[0]})" if names else None
