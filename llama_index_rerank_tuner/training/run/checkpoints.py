"""Checkpoints that a killed run goes on from: written whole or not at all, the oldest removed."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from llama_index_rerank_tuner.json_files import read_json, write_json

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

logger = logging.getLogger(__name__)
_CONTENTS = "contents.json"
_BEST = "best-"


@runtime_checkable
class Resumable(Protocol):
    """A callback with a memory: its state goes into every checkpoint, and is given back when the run goes on."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, as JSON values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A folder that appears under its name only when the block has ended well and its files are on the disk.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "saved"
        >>> with written_whole(target) as folder:
        ...     _ = (folder / "a.txt").write_text("a")
        ...     target.exists()
        False
        >>> [each.name for each in target.iterdir()]
        ['a.txt']
    """
    unready = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(unready, ignore_errors=True)
    unready.mkdir(parents=True)
    yield unready
    for each in sorted(unready.rglob("*")):
        _to_disk(each)
    _to_disk(unready)
    shutil.rmtree(folder, ignore_errors=True)
    unready.rename(folder)
    _to_disk(folder.parent)


class Checkpoints:
    """The checkpoints of one phase of a run, a folder for each, named by its step.

    Args:
        folder: Where they lie; made when the first is written.
        keep: How many of the newest stay.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder, self.keep = folder, keep

    @contextmanager
    def writing(self, step: int) -> Iterator[Path]:
        """A folder to write the checkpoint of a step into; older ones than the newest ``keep`` go afterwards."""
        with written_whole(self.folder / f"{step:08d}") as folder:
            yield folder
            write_json(folder / _CONTENTS, {each.name: each.stat().st_size for each in folder.iterdir()})
        for old in sorted(self._named(), reverse=True)[self.keep :]:
            shutil.rmtree(old)

    def latest(self) -> Path | None:
        """The newest whole checkpoint; None where there is none."""
        for folder in sorted(self._named(), reverse=True):
            if _is_whole(folder):
                return folder
            logger.warning("%s is damaged and passed over.", folder)
        return None

    def _named(self) -> list[Path]:
        return [each for each in self.folder.glob("*") if each.is_dir() and each.name.isdigit()]


class BestModel:
    """The best model so far, in a folder of its own for each step, so that a resumed run finds the one it knew.

    Args:
        folder: Where those folders lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.step: int | None = None

    @property
    def path(self) -> Path | None:
        """The folder of the best; None before there is one."""
        return None if self.step is None else self.folder / f"{_BEST}{self.step:08d}"

    def save(self, model: CrossEncoder, step: int) -> None:
        """Save a model as the best so far; an earlier one stays until ``forget_others``."""
        with written_whole(self.folder / f"{_BEST}{step:08d}") as folder:
            save_model(model, folder)
        self.step = step

    def forget_others(self) -> None:
        """Remove the best of earlier steps: a checkpoint now names this one."""
        for each in self.folder.glob(f"{_BEST}*"):
            if each != self.path:
                shutil.rmtree(each)


def save_model(model: CrossEncoder, folder: Path) -> None:
    """Save a model that anyone can load: adapters merged, and without a card that quotes training pairs."""
    from llama_index_rerank_tuner.training.model.adapters import merged

    with merged(model):
        model.save_pretrained(str(folder), create_model_card=False)


def _is_whole(folder: Path) -> bool:
    try:
        sizes = read_json(folder / _CONTENTS)
        return bool(sizes) and all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _to_disk(path: Path) -> None:
    if path.is_dir() and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
