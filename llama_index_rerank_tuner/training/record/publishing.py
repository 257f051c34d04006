"""Uploading a checkpoint to a model hub: the model and its card, and nothing of the data or of the training state."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.errors import CheckpointNotFoundError, ConfigError, RerankTunerError, RerankTunerWarning
from llama_index_rerank_tuner.json_files import read_json
from llama_index_rerank_tuner.training.record.card_sections import named
from llama_index_rerank_tuner.training.record.model_card import CARD_FILE, model_card
from llama_index_rerank_tuner.training.run.folder import REPORT_FILE, VERDICT_FILE

logger = logging.getLogger(__name__)
MODEL_FILES = frozenset(
    {".json", ".safetensors", ".txt", ".model", ".jinja", ".py", ".onnx", ".onnx_data", ".data", ".xml", ".bin"}
)
"""Endings of the files that a checkpoint is loaded from."""
TRAINING_STATE = frozenset(
    {"trainer_state.json", "training_args.bin", "optimizer.bin", "scheduler.bin", "pytorch_model_fsdp.bin"}
)
MODEL_FOLDERS = frozenset({"onnx", "openvino"})


def push_to_hub(
    checkpoint: str | Path,
    repo_id: str,
    token: str | None = None,
    private: bool | None = None,
    *,
    commit_message: str = "Upload reranker",
    **card: Any,
) -> str:
    """Upload a checkpoint with its model card, in one commit; the repository is made where there is none.

    The last and the base weights, the state of the trainer and the data stay here, and the training report goes
    without the records, the document names and the paths that stand in it.

    Args:
        checkpoint: Directory of the tuned model.
        repo_id: Hub id, ``owner/name`` or ``name``.
        token: Access token; None takes the one of ``huggingface_hub.login()`` or ``HF_TOKEN``.
        private: Whether a new repository is private; None for the account's default.
        commit_message: Message of the commit.
        card: As for ``model_card`` (``licence``, ``language``, ``benchmark``, ``dataset``, ``examples``).

    Returns:
        Address of the commit.

    Raises:
        CheckpointNotFoundError: The directory holds no model.
        ConfigError: The hub id cannot be one.
        RerankTunerError: The hub cannot be reached, or refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HFValidationError

    folder = Path(checkpoint).expanduser().resolve()
    if not (folder / "config.json").is_file():
        raise CheckpointNotFoundError(f"No model at {str(folder)!r}: train first, or check the path.")
    _warn_of_verdict(folder)
    operations = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
        for name, content in published_files(folder, repo_id, **card).items()
    ]
    api = HfApi(token=token)
    try:
        created = api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.create_commit(created.repo_id, operations, commit_message=commit_message)
    except HFValidationError as error:
        raise ConfigError(f"{repo_id!r} cannot be a hub id: {error}") from error
    except _network_errors() as error:
        raise RerankTunerError(_refused(repo_id, error)) from error
    logger.info("Uploaded %s to %s.", folder, commit.commit_url)
    return str(commit.commit_url)


def published_files(checkpoint: Path, repo_id: str | None = None, **card: Any) -> dict[str, Path | bytes]:
    """What is uploaded: path in the repository to a file, or to its content where it differs from the file here."""
    files: dict[str, Path | bytes] = {
        path.relative_to(checkpoint).as_posix(): path for path in _model_files(checkpoint)
    }
    report = read_json(checkpoint / REPORT_FILE)
    if report is not None:
        files[REPORT_FILE] = (json.dumps(shareable_report(report), indent=2, ensure_ascii=False) + "\n").encode()
    files[CARD_FILE] = model_card(checkpoint, repo_id=repo_id, **card).encode()
    return files


def shareable_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """A training report without what belongs to the data's owner: records, names of documents, paths.

    Example:
        >>> shareable_report({"model_id": "/home/me/base", "audit": {"questions": 9, "findings": [
        ...     {"kind": "contradiction", "severity": "must fix", "sentence": "…", "count": 1, "records": ["…"]}]}})
        {'model_id': 'base', 'audit': {'questions': 9, 'findings': [{'kind': 'contradiction', 'severity': 'must fix', \
'count': 1}]}}
    """
    shared = {name: _without_paths(value) for name, value in report.items()}
    audit = shared.get("audit")
    if isinstance(audit, dict):
        kept = ("kind", "severity", "count")
        audit["findings"] = [{name: each[name] for name in kept} for each in audit.get("findings", [])]
        if isinstance(audit.get("balance"), dict):
            audit["balance"].pop("largest_documents", None)
    return shared


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_paths(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_paths(each) for each in value]
    return named(value) if isinstance(value, str) and value.startswith(("/", "~")) else value


def _model_files(checkpoint: Path) -> Iterator[Path]:
    """The files that the model is loaded from: those of the checkpoint itself, its parts, and its exports."""
    parts = {str(each.get("path")) for each in read_json(checkpoint / "modules.json") or [] if each.get("path")}
    folders = [checkpoint, *(checkpoint / name for name in sorted(MODEL_FOLDERS | parts))]
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            hidden = path.name.startswith(".")
            if path.is_file() and not hidden and path.suffix in MODEL_FILES and path.name not in TRAINING_STATE:
                yield path


def _warn_of_verdict(checkpoint: Path) -> None:
    stored = read_json(checkpoint / VERDICT_FILE)
    if stored is None:
        said = "was not benchmarked: nothing shows that it is better than its base. The card says so"
    elif stored.get("verdict") != "better":
        said = f"has the verdict {stored.get('verdict')!r} ({stored.get('reason', '')}). The card says so"
    else:
        return
    warnings.warn(f"The model uploaded from {checkpoint} {said}.", RerankTunerWarning, stacklevel=3)


def _network_errors() -> tuple[type[Exception], ...]:
    """What the hub's client raises: its own errors, and those of the HTTP library below it, whichever that is."""
    from huggingface_hub.errors import HfHubHTTPError

    return (OSError, *(each for each in HfHubHTTPError.__bases__ if issubclass(each, Exception)))


def _refused(repo_id: str, error: BaseException) -> str:
    said = str(error).strip().splitlines()
    return (
        f"Could not upload to {repo_id!r}: {said[0] if said else type(error).__name__}. Check the name, the network "
        "and the token: give token=, or log in with huggingface_hub.login()."
    )
