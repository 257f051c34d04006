"""The local folder of a model: a checkpoint's own, or the snapshot of a hub id, with what lies beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.models import load_failed, resolve_model
from llama_index_rerank_tuner.reranking.backends.variants import VARIANTS_FILE

_CONVERTED = ("onnx/*", "openvino/*", "*.onnx", "*.onnx_data")
_NOT_SERVED = ("last/*", "base/*", "checkpoint-*/*", "*.h5", "*.msgpack", "*.ot", "*.tflite", "*.gguf")
_PICKLED = ("pytorch_model*.bin", "*/pytorch_model*.bin", "training_args.bin", "*.pt", "*.pth")
_HUB_SETTINGS = ("revision", "token", "local_files_only")


def local_folder(model: str | Path) -> Path | None:
    """The directory that a model name means, without asking any hub; None where it is not one."""
    folder = Path(model).expanduser()
    return folder if folder.is_dir() else None


def checkpoint_folder(model: str | Path, cross_encoder_kwargs: Mapping[str, Any]) -> Path:
    """The directory of a model, downloaded where it is a hub id that is not in the local hub cache.

    A hub id's contract, mix and calibration lie beside its weights, and would be lost if only the weights were
    loaded. Of the weights only one kind comes: the safetensors, or the pickled ones where there are no others; the
    converted ones where the checkpoint says that they passed its parity gate.

    Args:
        model: Checkpoint directory or hub id.
        cross_encoder_kwargs: ``cache_folder``, ``revision``, ``token`` and ``local_files_only`` are heeded.

    Raises:
        CheckpointNotFoundError: There is no such model, or it cannot be reached.
    """
    resolved = resolve_model(model)
    folder = local_folder(resolved)
    if folder is not None:
        return folder
    settings = {name: cross_encoder_kwargs[name] for name in _HUB_SETTINGS if name in cross_encoder_kwargs}
    settings["cache_dir"] = cross_encoder_kwargs.get("cache_folder")
    try:
        return _snapshot(resolved, settings)
    except (OSError, ValueError) as error:
        raise load_failed(str(model), error) from error


def _snapshot(hub_id: str, settings: Mapping[str, Any]) -> Path:
    from huggingface_hub import snapshot_download

    folder = Path(snapshot_download(hub_id, ignore_patterns=[*_CONVERTED, *_NOT_SERVED, *_PICKLED], **settings))
    left_out = list(_NOT_SERVED)
    if any(folder.rglob("*.safetensors")):
        left_out += _PICKLED
    if not (folder / VARIANTS_FILE).is_file():
        left_out += _CONVERTED
    return Path(snapshot_download(hub_id, ignore_patterns=left_out, **settings))
