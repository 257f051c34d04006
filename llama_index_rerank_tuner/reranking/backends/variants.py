"""``variants.json``: which converted forms of a checkpoint there are, what was measured of each, and which passed."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.json_files import read_json, write_json
from llama_index_rerank_tuner.reranking.backends.converted import cpu_kind, made_from

VARIANTS_FILE = "variants.json"
PAIRS_PER_SECOND = "pairs_per_second"
"""Key of ``Variant.evidence``: the speed that variants are compared by, all measured on one machine."""
MODULES = {"torch": "torch", "onnx": "onnxruntime", "openvino": "openvino"}
"""The module that each backend runs on."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to compute a checkpoint's scores.

    Args:
        backend: ``torch``, ``onnx`` or ``openvino``.
        precision: ``fp32``, ``bf16``, ``fp16`` or ``int8``.
        file: The converted model, relative to the checkpoint; None for torch, which reads the weights themselves.
        passed: Whether its ranking was found as good as that of fp32.
        reason: Why it passed or not, one sentence.
        evidence: What was measured: ``pairs_per_second`` and whatever the check adds.

    Example:
        >>> Variant("onnx", "int8", "onnx/model_quint8_avx2.onnx", True, "lost 0.001 nDCG@10").name
        'onnx int8'
    """

    backend: str
    precision: str
    file: str | None
    passed: bool
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Backend and precision, such as ``onnx int8``."""
        return f"{self.backend} {self.precision}"

    @property
    def installed(self) -> bool:
        """Whether what the backend runs on is installed here."""
        return find_spec(MODULES.get(self.backend, self.backend)) is not None

    def obstacle(self, checkpoint: str | Path, fingerprint: str) -> str | None:
        """Why it cannot serve here; None where it can.

        Args:
            checkpoint: The folder that its file lies in.
            fingerprint: ``model_fingerprint`` of the checkpoint.
        """
        if not self.passed:
            return self.reason.rstrip(".")
        if not self.installed:
            return "not installed"
        if self.precision == "int8" and (checked_on := self.evidence.get("cpu", cpu_kind())) != cpu_kind():
            return f"checked on another kind of CPU ({checked_on})"
        file = Path(checkpoint) / self.file if self.file is not None else None
        if file is None:
            return None
        if not file.is_file():
            return f"{file} is missing"
        return None if made_from(file) in (None, fingerprint) else f"{file} was made from other weights"

    @property
    def pairs_per_second(self) -> float:
        """Measured speed; 0 where none was measured."""
        return float(self.evidence.get(PAIRS_PER_SECOND, 0.0))


@dataclass(frozen=True, slots=True)
class Variants:
    """The variants of one set of weights.

    Args:
        fingerprint: ``model_fingerprint`` of the checkpoint they were made from.
        variants: The variants, in any order.

    Example:
        >>> torch32 = Variant("torch", "fp32", None, True, "the reference", {"pairs_per_second": 40.0})
        >>> Variants("1f3a", (torch32,)).find("torch", "fp32").pairs_per_second
        40.0
    """

    fingerprint: str
    variants: tuple[Variant, ...] = ()

    def find(self, backend: str, precision: str) -> Variant | None:
        """The variant of a backend and precision, where there is one."""
        found = (each for each in self.variants if (each.backend, each.precision) == (backend, precision))
        return next(found, None)

    def fastest(self, checkpoint: str | Path, backend: str | None = None) -> Variant | None:
        """The fastest that passed and can serve here; the first of equals.

        Args:
            checkpoint: The folder that the files lie in.
            backend: Only of this backend; None for any.
        """
        usable = [
            each
            for each in self.variants
            if backend in (None, each.backend) and each.obstacle(checkpoint, self.fingerprint) is None
        ]
        return max(usable, key=lambda each: each.pairs_per_second, default=None)

    def save(self, checkpoint: str | Path) -> None:
        """Write ``variants.json`` into a checkpoint directory."""
        write_json(Path(checkpoint) / VARIANTS_FILE, self)

    @classmethod
    def load(cls, checkpoint: str | Path) -> Variants | None:
        """Read the variants of a checkpoint; None where there is no ``variants.json``.

        Raises:
            DataError: The file is there but does not hold variants.
        """
        path = Path(checkpoint) / VARIANTS_FILE
        if not path.is_file():
            return None
        try:
            written = read_json(path)
            variants = tuple(Variant(**each) for each in written["variants"])
            return cls(str(written["fingerprint"]), variants)
        except (ValueError, TypeError, KeyError) as error:
            fix = "Delete it, or make it again with: rerank-tuner export"
            raise DataError(str(path), f"not a record of variants ({error!r})", fix) from error
