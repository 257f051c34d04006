"""The fingerprint of a model: what changes whenever its scores could."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from threading import Lock

from llama_index_rerank_tuner.errors import CheckpointNotFoundError
from llama_index_rerank_tuner.models import resolve_model

_WEIGHTS = frozenset({".safetensors", ".bin", ".pt", ".pth"})
_SETTINGS = frozenset({".json", ".txt", ".model", ".jinja", ".py"})
_NOT_THE_MODEL = frozenset(
    {
        "rerank_contract.json",
        "training_report.json",
        "verdict.json",
        "calibration.json",
        "mix.json",
        "variants.json",
        "trainer_state.json",
        "training_args.bin",
        "optimizer.pt",
        "scheduler.pt",
    }
)
_OTHER_MODELS = frozenset({"onnx", "openvino", "last", "base"})
_OTHER_PREFIXES = ("checkpoint-", ".")
"""Folders of a checkpoint that hold converted weights, other weights or nothing of the model."""
_SETTLED = 2.0
"""Seconds after which a file that changes again is sure to get another time of change."""

_known: dict[Path, tuple[tuple[int, ...], str]] = {}
_lock = Lock()


def model_fingerprint(model: str | Path, revision: str | None = None) -> str:
    """Fingerprint of a checkpoint's weights, configuration and tokenizer: 32 hexadecimal digits.

    It goes by the content of the files and their names within the checkpoint: a copy of a checkpoint has the same
    fingerprint, and a retrained one has another. What training and deployment write beside the model (its contract,
    reports, calibration, mix, converted variants) does not count. Each file is read once in a process, and again
    only when its size or its time of change is another.

    Args:
        model: Checkpoint directory, or a hub id that is in the local hub cache (it is, once loaded).
        revision: Branch, tag or commit of a hub id.

    Raises:
        CheckpointNotFoundError: The directory holds no weights, or the hub id is not in the local cache.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "model.safetensors").write_bytes(b"weights")
        >>> before = model_fingerprint(folder)
        >>> _ = (folder / "model.safetensors").write_bytes(b"weights, trained on")
        >>> len(before), model_fingerprint(folder) == before
        (32, False)
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _snapshot(resolve_model(model), revision)
    files = _model_files(folder)
    if not any(each.suffix in _WEIGHTS for each in files):
        raise CheckpointNotFoundError(
            f"{str(model)!r} holds no weights ({', '.join(sorted(_WEIGHTS))}), so it has no fingerprint. "
            "Give the path of a saved checkpoint."
        )
    whole = hashlib.blake2b(digest_size=16)
    for each in files:
        name = each.relative_to(folder).as_posix()
        whole.update(f"{len(name)}:{name}:{file_fingerprint(each)}".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def file_fingerprint(path: str | Path) -> str:
    """Fingerprint of a file's content, 32 hexadecimal digits; remembered while its size and times stay the same."""
    path = Path(path).resolve()
    found = path.stat()
    state = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    with _lock:
        known = _known.get(path)
    if known is not None and known[0] == state:
        return known[1]
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    if time.time() - found.st_mtime > _SETTLED:
        with _lock:
            _known[path] = state, digest
    return digest


def _model_files(folder: Path) -> list[Path]:
    """The files that make up the model, in the order of their names."""
    found = []
    for each in folder.rglob("*"):
        within = each.relative_to(folder)
        other = any(part in _OTHER_MODELS or part.startswith(_OTHER_PREFIXES) for part in within.parts[:-1])
        if not other and each.suffix in _WEIGHTS | _SETTINGS and each.name not in _NOT_THE_MODEL and each.is_file():
            found.append(each)
    return sorted(found, key=lambda each: each.relative_to(folder).as_posix())


def _snapshot(name: str, revision: str | None) -> Path:
    """The directory of a model in the local hub cache, or of the copy that needs no hub."""
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(name, "config.json", revision=revision)
    except HFValidationError:
        config = None
    if not isinstance(config, str):
        raise CheckpointNotFoundError(
            f"No model at {name!r}: it is neither a directory nor a hub id in the local hub cache. "
            "Check the path, or load the model once so that it is downloaded."
        )
    return Path(config).parent
