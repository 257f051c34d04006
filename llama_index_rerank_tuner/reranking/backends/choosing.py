"""``load_scorer``: the backend that a checkpoint is served with, chosen from what was measured, and why."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.errors import CheckpointNotFoundError, ConfigError, RerankTunerWarning
from llama_index_rerank_tuner.reranking.backends.batched import BatchedScorer
from llama_index_rerank_tuner.reranking.backends.converted import made_from
from llama_index_rerank_tuner.reranking.backends.cross_encoders import load_cross_encoder
from llama_index_rerank_tuner.reranking.backends.protocol import Backend
from llama_index_rerank_tuner.reranking.backends.saved_scoring import numpy_activation, only_plain
from llama_index_rerank_tuner.reranking.backends.tokenizing import PairTokenizer
from llama_index_rerank_tuner.reranking.backends.variants import VARIANTS_FILE, Variant, Variants
from llama_index_rerank_tuner.reranking.fingerprint import model_fingerprint

logger = logging.getLogger(__name__)
BACKENDS = ("auto", "torch", "onnx", "openvino")
PRECISIONS = ("fp32", "bf16", "fp16", "int8")
EXPORT = "rerank-tuner export"
_FILES = {
    ("onnx", "fp32"): "onnx/model.onnx",
    ("onnx", "int8"): "onnx/model_*int8*.onnx",
    ("openvino", "fp32"): "openvino/openvino_model.xml",
    ("openvino", "bf16"): "openvino/openvino_model.xml",
}
"""Where a converted network lies that no record tells of."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The backend that a checkpoint is served with.

    Args:
        backend: ``torch``, ``onnx`` or ``openvino``.
        precision: Its precision; None for what torch's weights are stored in.
        file: The converted network; None for torch.
        why: Why, one sentence.
    """

    backend: str
    precision: str | None
    file: Path | None
    why: str


def load_scorer(
    model: str | Path,
    backend: str = "auto",
    precision: str | None = None,
    *,
    device: str | None = None,
    max_length: int | None = None,
    batch_size: int | None = None,
    show_progress: bool = False,
    cross_encoder_kwargs: Mapping[str, Any] | None = None,
) -> BatchedScorer:
    """Load what scores pairs with a checkpoint.

    Args:
        model: Checkpoint directory or hub id.
        backend: ``torch``, ``onnx``, ``openvino``; ``auto`` takes the fastest installed variant that passed the check
            of ``deployment.optimise`` on a CPU, and torch where there is none.
        precision: ``fp32``, ``bf16``, ``fp16``, ``int8``; None for the fastest that passed, or the weights' own.
        device: ``cpu``, ``cuda``, ``mps``; None takes a GPU where there is one. Variants are for the CPU.
        max_length: Longest pair in tokens; None for the model's own. Never more than it has positions for.
        batch_size: Most pairs of a batch; None leaves it to the backend's token budget.
        show_progress: Show a progress bar over the pairs of a call.
        cross_encoder_kwargs: More arguments for ``CrossEncoder``; torch only.

    Returns:
        The scorer; its ``why`` says why it has this backend.

    Raises:
        CheckpointNotFoundError: There is no such model, or no such converted network.
        ConfigError: There is no such backend or precision, or the model cannot be served so.
        MissingExtraError: What the backend needs is not installed.
    """
    choice = choose(model, backend, precision, device=device, only_torch=bool(cross_encoder_kwargs))
    logger.info("%s is scored by %s: %s.", model, choice.backend, choice.why)
    if choice.file is None:
        settings = {"max_length": max_length, **(cross_encoder_kwargs or {})}
        return _torch_scorer(model, choice, device, settings, batch_size, show_progress)
    saved = only_plain(model)
    return BatchedScorer(
        _converted(choice.backend, choice.file, choice.precision or "fp32"),
        PairTokenizer.of_checkpoint(model, max_length),
        str(model),
        activation=numpy_activation(saved.activation),
        batch_size=batch_size,
        show_progress=show_progress,
        why=choice.why,
    )


def choose(
    model: str | Path,
    backend: str = "auto",
    precision: str | None = None,
    *,
    device: str | None = None,
    only_torch: bool = False,
) -> Choice:
    """Choose a checkpoint's backend without loading it.

    Args:
        model: Checkpoint directory or hub id.
        backend: As in ``load_scorer``.
        precision: As in ``load_scorer``.
        device: As in ``load_scorer``.
        only_torch: Whether something else is asked for that only torch can do.

    Raises:
        CheckpointNotFoundError: There is no such converted network.
        ConfigError: There is no such backend or precision, or it cannot be had.
    """
    _check_names(backend, precision)
    if backend == "torch":
        _warn_of_refused(Path(model).expanduser(), precision)
        return Choice("torch", precision, None, "it was asked for")
    if backend != "auto":
        return _asked_for(Path(model).expanduser(), backend, precision, device, only_torch)
    choice = _automatic(Path(model).expanduser(), precision, device, only_torch)
    if choice.backend == "torch" and choice.precision == "int8":
        raise ConfigError(f"No int8 variant of {model} is to be had: {choice.why}. Make one with: {EXPORT}")
    if choice.backend == "torch" and precision is not None:
        _warn_of_refused(Path(model).expanduser(), precision)
    return choice


def _warn_of_refused(folder: Path, precision: str | None) -> None:
    """Say that torch in a precision that the gate refused serves all the same, because it was asked for."""
    variants = Variants.load(folder) if precision is not None and folder.is_dir() else None
    if variants is None or variants.fingerprint != model_fingerprint(folder):
        return
    recorded = variants.find("torch", precision or "fp32")
    if recorded is not None and not recorded.passed:
        _warn_not_passed(recorded, recorded.reason)


def _warn_not_passed(recorded: Variant, reason: str) -> None:
    warnings.warn(
        f"{recorded.name} was asked for and did not pass: {reason.rstrip('.')}.", RerankTunerWarning, stacklevel=5
    )


def _automatic(folder: Path, precision: str | None, device: str | None, only_torch: bool) -> Choice:
    if only_torch:
        return Choice("torch", precision, None, "arguments for CrossEncoder are given, which only torch takes")
    if not _is_cpu(device):
        return Choice("torch", precision, None, "variants are measured on a CPU, and this is another device")
    variants = Variants.load(folder) if folder.is_dir() else None
    if variants is None:
        return Choice("torch", precision, None, f"no faster variant was exported ({EXPORT} makes and checks them)")
    if variants.fingerprint != model_fingerprint(folder):
        why = f"{VARIANTS_FILE} is of other weights than the checkpoint's; export again with: {EXPORT}"
        warnings.warn(f"{folder} is scored by torch: {why}", RerankTunerWarning, stacklevel=4)
        return Choice("torch", precision, None, why)
    return _fastest(folder, variants, precision)


def _fastest(folder: Path, variants: Variants, precision: str | None) -> Choice:
    of_precision = tuple(each for each in variants.variants if precision in (None, each.precision))
    found = Variants(variants.fingerprint, of_precision).fastest(folder)
    if found is None:
        reasons = "; ".join(f"{each.name}: {each.obstacle(folder, variants.fingerprint)}" for each in of_precision)
        return Choice("torch", precision, None, f"no variant can be used ({reasons or 'none was made'})")
    speed = f", {found.pairs_per_second:.0f} pairs a second when measured" if found.pairs_per_second else ""
    why = f"{found.name} is the fastest installed variant that passed{speed} ({found.reason.rstrip('.')})"
    return Choice(found.backend, found.precision, folder / found.file if found.file else None, why)


def _asked_for(folder: Path, backend: str, precision: str | None, device: str | None, only_torch: bool) -> Choice:
    if only_torch:
        raise ConfigError(f"cross_encoder_kwargs are for torch; backend={backend!r} takes none.")
    if device is not None and not _is_cpu(device):
        raise ConfigError(f"backend={backend!r} computes on the CPU; got device={device!r}. Use backend='torch'.")
    if not folder.is_dir():
        raise CheckpointNotFoundError(
            f"backend={backend!r} needs a checkpoint folder with an exported network, and {str(folder)!r} is none. "
            f"Save the model to a folder and export it with: {EXPORT}"
        )
    variants = Variants.load(folder)
    if variants is not None and variants.fingerprint != model_fingerprint(folder):
        raise ConfigError(f"The variants of {folder} were made from other weights. Make them again with: {EXPORT}")
    best = variants.fastest(folder, backend) if variants is not None and precision is None else None
    precision = best.precision if best is not None else precision or "fp32"
    recorded = variants.find(backend, precision) if variants is not None else None
    file = _file(folder, backend, precision, recorded)
    if recorded is not None and (obstacle := recorded.obstacle(folder, model_fingerprint(folder))) is not None:
        _warn_not_passed(recorded, obstacle)
    return Choice(backend, precision, file, "it was asked for")


def _file(folder: Path, backend: str, precision: str, recorded: Variant | None) -> Path:
    if recorded is not None and recorded.file is None:
        raise ConfigError(f"{recorded.name} of {folder} is not to be had: {recorded.reason}")
    pattern = recorded.file if recorded is not None else _FILES.get((backend, precision))
    if pattern is None:
        known = ", ".join(known for name, known in _FILES if name == backend)
        raise ConfigError(f"backend={backend!r} computes in {known}; got precision={precision!r}.")
    found = sorted(folder.glob(pattern))
    if not found:
        raise CheckpointNotFoundError(f"{folder} has no {pattern}. Make it with: {EXPORT}")
    if made_from(found[0]) not in (None, model_fingerprint(folder)):
        raise ConfigError(f"{found[0]} was made from other weights than the checkpoint's. Make it again with: {EXPORT}")
    return found[0]


def _torch_scorer(
    model: str | Path,
    choice: Choice,
    device: str | None,
    settings: dict[str, Any],
    batch_size: int | None,
    show_progress: bool,
) -> BatchedScorer:
    from llama_index_rerank_tuner.reranking.backends.torch_backend import TorchScorer

    loaded = load_cross_encoder(model, device=device, max_length=settings.pop("max_length"), kwargs=settings)
    return TorchScorer(loaded, str(model), batch_size, show_progress, precision=choice.precision, why=choice.why)


def _converted(backend: str, file: Path, precision: str) -> Backend:
    from llama_index_rerank_tuner.reranking.backends.onnx_backend import OnnxBackend
    from llama_index_rerank_tuner.reranking.backends.openvino_backend import OpenVinoBackend

    return OnnxBackend(file, precision) if backend == "onnx" else OpenVinoBackend(file, precision)


def _is_cpu(device: str | None) -> bool:
    if device is not None:
        return device == "cpu"
    import torch

    return not (torch.cuda.is_available() or torch.backends.mps.is_available())


def _check_names(backend: str, precision: str | None) -> None:
    if backend not in BACKENDS:
        raise ConfigError(f"backend must be one of {', '.join(BACKENDS)}; got {backend!r}.")
    if precision is not None and precision not in PRECISIONS:
        raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}; got {precision!r}.")
