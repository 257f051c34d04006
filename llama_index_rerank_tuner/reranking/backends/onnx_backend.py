"""The ONNX Runtime backend: an exported network in fp32 or dynamic int8."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.batching import BATCH_COST, CPU_TOKEN_BUDGET
from llama_index_rerank_tuner.errors import CheckpointNotFoundError, ConfigError, MissingExtraError
from llama_index_rerank_tuner.reranking.backends.protocol import Features
from llama_index_rerank_tuner.reranking.backends.threads import compute_threads

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ONE_PAIR = 1
"""Budget that gives every pair a batch of its own. Dynamic int8 scales the activations of a whole batch at once, so
only alone is a pair's score its own, whoever else asks and whatever a cache knows."""


class OnnxBackend:
    """Computes logits with one ONNX Runtime session, which several threads may use at once.

    Args:
        file: The exported network: token columns in, ``(n, 1)`` logits out.
        precision: What its weights are: ``fp32`` or ``int8``.
        threads: Threads of one computation; None for torch's number, at most the cores this process may use.

    Raises:
        MissingExtraError: ``onnxruntime`` is not installed.
        ConfigError: The file is no network it can run.
        CheckpointNotFoundError: There is no such file.
    """

    batch_cost = BATCH_COST

    def __init__(self, file: str | Path, precision: str = "fp32", threads: int | None = None) -> None:
        self.file, self.precision = Path(file), precision
        self.token_budget = ONE_PAIR if precision == "int8" else CPU_TOKEN_BUDGET
        self._session = _session(self.file, threads or compute_threads())
        self._inputs = [each.name for each in self._session.get_inputs()]

    @property
    def name(self) -> str:
        """``onnx`` and the precision."""
        return f"onnx {self.precision}"

    def logits(self, features: Features) -> NDArray[np.float32]:
        """Logits of ``n`` pairs, shape ``(n,)``."""
        fed = {name: np.ascontiguousarray(features[name]) for name in self._inputs}
        scores: NDArray[np.float32] = np.asarray(self._session.run(None, fed)[0], dtype=np.float32)
        return scores.reshape(-1)


def _session(file: Path, threads: int) -> InferenceSession:
    ort = _onnxruntime()
    if not file.is_file():
        raise CheckpointNotFoundError(f"No ONNX network at {str(file)!r}. Make it with: rerank-tuner export")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no base but Exception
        first = str(error).splitlines()[0]
        raise ConfigError(f"{file} is no network that ONNX Runtime can run ({first}). Export it again.") from error


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("The ONNX backend needs onnxruntime.", "onnx") from error
    return onnxruntime
