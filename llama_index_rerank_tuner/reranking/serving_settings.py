"""How pairs are scored in production: the choices of a user, checked together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.reranking.windows import WindowMode

if TYPE_CHECKING:
    from llama_index_rerank_tuner.reranking.cache.protocol import ScoreCache

BackendName: TypeAlias = Literal["auto", "torch", "onnx", "openvino"]
Precision: TypeAlias = Literal["fp32", "bf16", "fp16", "int8"]

HUB_ARGUMENTS = ("cache_folder", "revision", "token", "local_files_only")
"""Arguments for ``CrossEncoder`` that say where a hub id is fetched from."""


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """What scores, and what stands before it.

    Args:
        backend: Computes the scores.
        precision: Of the weights; None leaves it to the backend.
        use_fp16: The same as ``precision="fp16"`` on torch.
        device: ``cpu``, ``cuda``, ``mps``; None takes a GPU where there is one.
        batch_size: Most pairs scored at once; None leaves it to the backend.
        show_progress: Show a progress bar over the pairs of a call.
        cross_encoder_kwargs: More arguments for ``CrossEncoder``.
        windows: How long passages are scored; None cuts them.
        queue: Whether calls share one queue.
        cache: Where scores are kept.

    Raises:
        ConfigError: One of them cannot work, or two do not go together.

    Example:
        >>> ServingSettings(use_fp16=True).chosen_precision
        'fp16'
    """

    backend: BackendName = "auto"
    precision: Precision | None = None
    use_fp16: bool = False
    device: str | None = None
    batch_size: int | None = None
    show_progress: bool = False
    cross_encoder_kwargs: Mapping[str, Any] = field(default_factory=dict)
    windows: WindowMode | None = None
    queue: bool = False
    cache: str | ScoreCache | None = None

    def __post_init__(self) -> None:
        _check_choice("backend", self.backend, get_args(BackendName))
        _check_choice("precision", self.precision, (None, *get_args(Precision)))
        _check_choice("windows", self.windows, (None, *get_args(WindowMode)))
        if self.batch_size is not None and self.batch_size < 1:
            raise ConfigError(f"batch_size must be a positive integer, got {self.batch_size}.")
        if self.use_fp16 and self.precision not in (None, "fp16"):
            raise ConfigError(f"use_fp16=True and precision={self.precision!r} contradict each other; give one.")
        for name in ("device", "model"):
            if name in self.cross_encoder_kwargs:
                raise ConfigError(f"{name!r} cannot stand in cross_encoder_kwargs; give it as an argument of its own.")

    @property
    def chosen_precision(self) -> Precision | None:
        """The precision asked for, in either way."""
        return "fp16" if self.use_fp16 else self.precision

    @property
    def scoring_kwargs(self) -> dict[str, Any]:
        """The arguments for ``CrossEncoder`` that say how it scores, not where it is fetched from."""
        return {name: value for name, value in self.cross_encoder_kwargs.items() if name not in HUB_ARGUMENTS}

    @property
    def trusts_remote_code(self) -> bool:
        """Whether code that comes with the model may run."""
        return bool(self.cross_encoder_kwargs.get("trust_remote_code", False))

    @property
    def stands_before_a_model(self) -> bool:
        """Whether anything is asked for that stands between the caller and a model."""
        return self.windows is not None or self.queue or self.cache is not None


def _check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}.")
