"""The OpenVINO backend: a converted network in fp32, or in bf16 where the CPU has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.batching import (
    BATCH_COST,
    CPU_BF16_BATCH_COST,
    CPU_BF16_TOKEN_BUDGET,
    CPU_TOKEN_BUDGET,
)
from llama_index_rerank_tuner.errors import CheckpointNotFoundError, ConfigError, MissingExtraError
from llama_index_rerank_tuner.reranking.backends.protocol import Features
from llama_index_rerank_tuner.reranking.backends.threads import compute_threads

OPENVINO_PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoBackend:
    """Computes logits with one compiled network; each thread that is in it has an infer request of its own.

    Args:
        file: The converted network (``.xml``): token columns in, ``(n, 1)`` logits out.
        precision: ``fp32``, or ``bf16``, which a CPU without it computes in fp32.
        threads: Threads of one computation; None for torch's number, at most the cores this process may use.

    Raises:
        MissingExtraError: ``openvino`` is not installed.
        ConfigError: There is no such precision, or the file is no network it can run.
        CheckpointNotFoundError: There is no such file.
    """

    def __init__(self, file: str | Path, precision: str = "bf16", threads: int | None = None) -> None:
        self.file, self.precision = Path(file), precision
        whole = precision == "fp32"
        self.token_budget = CPU_TOKEN_BUDGET if whole else CPU_BF16_TOKEN_BUDGET
        self.batch_cost = BATCH_COST if whole else CPU_BF16_BATCH_COST
        self._network = _compiled(self.file, precision, threads or compute_threads())
        self._inputs = [port.any_name for port in self._network.inputs]
        self._idle: SimpleQueue[Any] = SimpleQueue()

    @property
    def name(self) -> str:
        """``openvino`` and the precision."""
        return f"openvino {self.precision}"

    def logits(self, features: Features) -> NDArray[np.float32]:
        """Logits of ``n`` pairs, shape ``(n,)``."""
        fed = {name: np.ascontiguousarray(features[name]) for name in self._inputs}
        with self._request() as request:
            outputs = request.infer(fed)
            return np.array(outputs[0], dtype=np.float32).reshape(-1)

    @contextmanager
    def _request(self) -> Iterator[Any]:
        """An infer request that no other thread is using; as many are made as threads were ever in at once."""
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = self._network.create_infer_request()
        try:
            yield request
        finally:
            self._idle.put(request)


def _compiled(file: Path, precision: str, threads: int) -> Any:
    openvino = _openvino()
    if precision not in OPENVINO_PRECISIONS:
        raise ConfigError(f"OpenVINO computes in {' or '.join(OPENVINO_PRECISIONS)}; got precision={precision!r}.")
    if not file.is_file():
        raise CheckpointNotFoundError(f"No OpenVINO network at {str(file)!r}. Make it with: rerank-tuner export")
    settings = {
        "INFERENCE_PRECISION_HINT": OPENVINO_PRECISIONS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    try:
        return openvino.Core().compile_model(str(file), "CPU", settings)
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"{file} is no network that OpenVINO can run ({first}). Export it again.") from error


def _openvino() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError("The OpenVINO backend needs openvino.", "openvino") from error
    return openvino
