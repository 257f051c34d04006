"""A checkpoint as the scorer that serves: backend, windows, queue and cache, one around the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.protocols import Scorer
from llama_index_rerank_tuner.reranking.backends.batched import BatchedScorer
from llama_index_rerank_tuner.reranking.backends.choosing import load_scorer
from llama_index_rerank_tuner.reranking.backends.saved_scoring import SavedScoring
from llama_index_rerank_tuner.reranking.cache import CachedScorer, open_caches, score_namespace
from llama_index_rerank_tuner.reranking.fingerprint import file_fingerprint, model_fingerprint
from llama_index_rerank_tuner.reranking.queue import QueuedScorer
from llama_index_rerank_tuner.reranking.serving_settings import ServingSettings
from llama_index_rerank_tuner.reranking.windows import WindowedScorer, WindowMode
from llama_index_rerank_tuner.text import TextContract

logger = logging.getLogger(__name__)


class AssembledScorer:
    """Scores pairs as the user's settings say; safe to call from several threads.

    Args:
        folder: The checkpoint's directory.
        name: Name of the model, for errors.
        contract: Under which it serves.
        settings: What scores, and what stands before it.

    Raises:
        CheckpointNotFoundError: There is no such model.
        ConfigError: A setting cannot work with this model.
    """

    def __init__(self, folder: Path, name: str, contract: TextContract, settings: ServingSettings) -> None:
        self._name = name
        before = model_fingerprint(folder) if settings.cache is not None else None
        self.batched = _loaded(folder, contract, settings)
        self.queued = QueuedScorer(self.batched) if settings.queue else None
        scorer: Scorer = self.queued or self.batched
        self.windowed = _windowed(scorer, self.batched, folder, settings) if settings.windows is not None else None
        scorer = self.windowed or scorer
        self.cached = _cached(scorer, self.batched, folder, contract, settings, before) if before is not None else None
        self._owns_cache = isinstance(settings.cache, str)
        self._outermost: Scorer = self.cached or scorer
        self._told, self._lock = False, Lock()

    @property
    def name(self) -> str:
        """Path or id of the model."""
        return self._name

    @property
    def torch_model(self) -> Any:
        """The ``CrossEncoder``, where torch computes the scores; else None."""
        return getattr(self.batched.backend, "model", None)

    @property
    def device(self) -> str:
        """Where the scores are computed."""
        return str(self.torch_model.device) if self.torch_model is not None else "cpu"

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Logits of ``n`` pairs, shape ``(n,)``."""
        logits = self._outermost(pairs)
        if not self._told and self.batched.truncated:
            self._tell_of_truncated()
        return logits

    def activate(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits as the scores that the checkpoint's own activation shows."""
        return self.batched.activate(logits)

    def close(self) -> None:
        """Answer what waits in the queue, and close the cache; one that was given as an object stays open."""
        if self.queued is not None:
            self.queued.close()
        if self.cached is not None and self._owns_cache:
            self.cached.close()

    def _tell_of_truncated(self) -> None:
        with self._lock:
            if self._told:
                return
            self._told = True
        cut, scored = self.batched.truncated, self.batched.scored
        advice = "Shorten the queries." if self.windowed is not None else "windows='max' reads passages to their end."
        logger.warning(
            "%s read only the beginning of %d of the first %d pairs (%.0f %%): they are longer than %d tokens. %s",
            self.name,
            cut,
            scored,
            100 * cut / scored,
            self.batched.tokenizer.max_length,
            advice,
        )


def _loaded(folder: Path, contract: TextContract, settings: ServingSettings) -> BatchedScorer:
    arguments = settings.scoring_kwargs
    return load_scorer(
        folder,
        settings.backend,
        settings.chosen_precision,
        device=settings.device,
        max_length=arguments.pop("max_length", contract.max_length),
        batch_size=settings.batch_size,
        show_progress=settings.show_progress,
        cross_encoder_kwargs=arguments,
    )


def _windowed(scorer: Scorer, batched: BatchedScorer, folder: Path, settings: ServingSettings) -> WindowedScorer:
    from transformers import AutoTokenizer

    saved = SavedScoring.read(folder, settings.trusts_remote_code)
    if saved.only_torch is not None:
        raise ConfigError(f"windows= cannot tell how much of a passage fits: {saved.only_torch}. Leave it out.")
    longest = batched.tokenizer.max_length
    if longest is None:
        raise ConfigError("windows= needs a longest pair, and the model has none. Give a contract with max_length.")
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=settings.trusts_remote_code)
    return WindowedScorer(scorer, tokenizer, longest, cast(WindowMode, settings.windows), prompt=saved.prompt)


def _cached(
    scorer: Scorer,
    batched: BatchedScorer,
    folder: Path,
    contract: TextContract,
    settings: ServingSettings,
    fingerprint: str,
) -> CachedScorer:
    """The scorer behind its cache; ``fingerprint`` is the checkpoint's before it was loaded."""
    if model_fingerprint(folder) != fingerprint:
        raise ConfigError(f"{folder} was written to while it was loaded. Load it again when that is done.")
    if not SavedScoring.read(folder, settings.trusts_remote_code).has_head:
        raise ConfigError(
            f"cache= cannot keep the scores of {folder}: it has no reranking head, and gets a random one each time it "
            "is loaded. Tune it first, or leave cache= out."
        )
    caches = open_caches(settings.cache) if isinstance(settings.cache, str) else settings.cache
    namespace = score_namespace(
        fingerprint,
        batched.backend.name,
        contract,
        max_length=batched.tokenizer.max_length,
        windows=settings.windows,
        converted=_converted_fingerprints(batched),
        arguments={name: repr(value) for name, value in settings.scoring_kwargs.items()},
    )
    return CachedScorer(scorer, caches, namespace=namespace)


def _converted_fingerprints(batched: BatchedScorer) -> list[str]:
    """Of a converted network's files: OpenVINO keeps its weights beside the network."""
    file = getattr(batched.backend, "file", None)
    if file is None:
        return []
    return [file_fingerprint(each) for each in dict.fromkeys((file, file.with_suffix(".bin"))) if each.is_file()]
