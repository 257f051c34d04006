"""The checkpoint directory: built beside its place, and moved there whole."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llama_index_rerank_tuner.errors import CheckpointExistsError, ConfigError

logger = logging.getLogger(__name__)
REPORT_FILE = "training_report.json"
VERDICT_FILE = "verdict.json"
LAST, BASE = "last", "base"


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


@contextmanager
def staged(output: Path) -> Iterator[Path]:
    """A folder beside ``output`` that takes its place when the block ends well.

    Where the block fails, ``output`` stays as it was, and what was saved so far is kept beside it and named in the log.
    """
    staging, interrupted, replaced = (
        output.with_name(f".{output.name}.{state}") for state in ("partial", "interrupted", "replaced")
    )
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        yield staging
    except BaseException:
        if any(staging.iterdir()):
            shutil.rmtree(interrupted, ignore_errors=True)
            staging.rename(interrupted)
            logger.warning("Training did not end; what it had saved is kept in %s", interrupted)
        else:
            staging.rmdir()
        raise
    shutil.rmtree(replaced, ignore_errors=True)
    if output.exists():
        output.rename(replaced)
    staging.rename(output)
    shutil.rmtree(replaced, ignore_errors=True)
