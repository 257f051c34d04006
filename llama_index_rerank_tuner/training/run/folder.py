"""The run's folders: the checkpoint directory is built beside its place, and moved there whole."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.errors import CheckpointExistsError, ConfigError
from llama_index_rerank_tuner.json_files import read_json, write_json
from llama_index_rerank_tuner.training.run.checkpoints import BestModel, Checkpoints, written_whole
from llama_index_rerank_tuner.training.run.identity import differences
from llama_index_rerank_tuner.training.run.processes import Processes

logger = logging.getLogger(__name__)
REPORT_FILE = "training_report.json"
VERDICT_FILE = "verdict.json"
RUN_FILE = "run.json"
"""Beside a checkpoint: the record of the whole run that made it."""
LAST, BASE = "last", "base"
RUN_KEY = "run"
_IDENTITY_FILE = "run.json"


def check_free(output: Path, overwrite: bool) -> None:
    """Refuse an output directory that holds anything, unless told to overwrite a checkpoint.

    Raises:
        CheckpointExistsError: It holds a checkpoint, and ``overwrite`` is False.
        ConfigError: It is a file, or holds other things than a checkpoint.
    """
    if output.is_file():
        raise ConfigError(f"model_output_path {str(output)!r} is a file; give a directory.")
    if not output.is_dir() or not any(output.iterdir()):
        return
    if not (output / "config.json").is_file():
        raise ConfigError(f"{str(output)!r} holds files that are no checkpoint; give a new or empty directory.")
    if not overwrite:
        raise CheckpointExistsError(
            f"{str(output)!r} already holds a checkpoint. Choose another model_output_path, or pass overwrite=True."
        )


class RunFolder:
    """Where a run keeps what it has, beside its output, until it is done.

    ``.<name>.partial/checkpoint`` becomes the output; ``.<name>.partial/run`` holds what a killed run goes on from.

    Args:
        output: The checkpoint directory.
        processes: The processes that train together; the first one writes.
    """

    def __init__(self, output: Path, processes: Processes | None = None) -> None:
        self.output, self.processes = output, processes or Processes()
        self.partial, self.interrupted, self.replaced = (
            output.with_name(f".{output.name}.{state}") for state in ("partial", "interrupted", "replaced")
        )
        self.checkpoint, self.state = self.partial / "checkpoint", self.partial / "run"

    @property
    def unfinished(self) -> bool:
        """Whether a run that was cut off lies here."""
        return (self.state / _IDENTITY_FILE).is_file() and self.checkpoint.is_dir()

    def ended_as(self, run: str) -> bool:
        """Whether the output is what a run, known by its identity's hash, has left here already."""
        report = read_json(self.output / REPORT_FILE) or {}
        return not self.unfinished and report.get(RUN_KEY) == run

    def checkpoints(self, phase: str) -> Checkpoints:
        """The checkpoints of a phase."""
        return Checkpoints(self.state / phase)

    def best(self) -> BestModel:
        """The best model by validation."""
        return BestModel(self.state / "best")

    @contextmanager
    def opened(self, identity: dict[str, Any], resume: bool) -> Iterator[None]:
        """Begin a run or go on with one; the output appears when the block ends well.

        Where the block fails, the output stays as it was, and what was saved so far is kept for ``resume``.

        Args:
            identity: What the run depends on (``run_identity``).
            resume: Whether to go on with an unfinished run.

        Raises:
            ConfigError: The unfinished run is not the same run.
        """
        if resume and self.unfinished:
            self._check_same(identity)
        self.processes.wait()
        if self.processes.first:
            self._go_on() if resume and self.unfinished else self._begin(identity, resume)
        self.processes.wait()
        try:
            yield
        except BaseException:
            self._leave()
            raise
        self.processes.wait()
        if self.processes.first:
            self._publish()
        self.processes.wait()

    def _check_same(self, identity: dict[str, Any]) -> None:
        found = differences(read_json(self.state / _IDENTITY_FILE), identity)
        if found:
            raise ConfigError(
                f"The unfinished run in {self.partial} is another one: {'; '.join(found)}. Call finetune() with what "
                "it was started with, or without resume=True to start anew."
            )

    def _go_on(self) -> None:
        logger.info("Going on with the unfinished run in %s.", self.partial)

    def _begin(self, identity: dict[str, Any], resume: bool) -> None:
        if resume:
            logger.warning("Nothing to resume beside %s: training starts anew.", self.output)
        elif self.unfinished:
            logger.warning(
                "An unfinished run lay in %s; finetune(resume=True) would have gone on with it. Training starts anew, "
                "and what it had saved is now in %s.",
                self.partial,
                self.interrupted,
            )
            shutil.rmtree(self.interrupted, ignore_errors=True)
            self.partial.rename(self.interrupted)
        shutil.rmtree(self.partial, ignore_errors=True)
        self.checkpoint.mkdir(parents=True)
        with written_whole(self.state) as folder:
            write_json(folder / _IDENTITY_FILE, identity)

    def _leave(self) -> None:
        if not self.processes.first:
            return
        if any(each.is_dir() for each in self.state.iterdir()):
            logger.warning(
                "Training did not end. finetune(resume=True) goes on from its last checkpoint, in %s.", self.partial
            )
        else:
            shutil.rmtree(self.partial)

    def _publish(self) -> None:
        shutil.rmtree(self.replaced, ignore_errors=True)
        if self.output.exists():
            self.output.rename(self.replaced)
        self.checkpoint.rename(self.output)
        shutil.rmtree(self.partial)
        shutil.rmtree(self.replaced, ignore_errors=True)
