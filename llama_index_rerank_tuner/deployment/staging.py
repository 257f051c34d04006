"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staged(destination: Path) -> Iterator[Path]:
    """A hidden folder to write a model's files into, moved to their place when all of them are written.

    The main file is moved last, and an older one is taken away first: at no moment does it stand there unfinished, or
    beside weights that are not its own. What is written when the block fails, or is interrupted, is thrown away.

    Args:
        destination: Where the main file shall lie; the others go beside it. Write it into the folder under this name.

    Example:
        >>> import tempfile
        >>> model = Path(tempfile.mkdtemp()) / "onnx" / "model.onnx"
        >>> with staged(model) as folder:
        ...     _ = (folder / "model.onnx").write_bytes(b"graph")
        ...     model.exists()
        False
        >>> model.exists(), [each.name for each in model.parent.parent.iterdir()]
        (True, ['onnx'])
    """
    folder = destination.parent.with_name(f".{destination.parent.name}-unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
        _put(folder, destination)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put(folder: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.unlink(missing_ok=True)
    others = [each for each in folder.iterdir() if each.name != destination.name]
    for each in (*others, folder / destination.name):
        os.replace(each, destination.parent / each.name)
