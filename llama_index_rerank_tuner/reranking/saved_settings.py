"""What a checkpoint says about its serving, beside its weights: contract, mix and calibration."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.reranking.calibration import CALIBRATION_FILE, Calibration
from llama_index_rerank_tuner.reranking.mixing import RankMix
from llama_index_rerank_tuner.text import CONTRACT_FILE, TextContract

logger = logging.getLogger(__name__)


def contract_of(given: TextContract | Mapping[str, Any] | None, folder: Path | None, model: str) -> TextContract:
    """The contract to serve under: the given one, the checkpoint's, or LlamaIndex's defaults.

    Args:
        given: A contract, or its fields; None takes the checkpoint's.
        folder: The checkpoint; None where a scorer was given instead.
        model: Name of the model, for the log.
    """
    chosen = TextContract(**given) if isinstance(given, Mapping) else given
    saved = TextContract.load(folder) if folder is not None else None
    if chosen is None and saved is None and folder is not None:
        logger.info(
            "%s has no %s: it is served as SentenceTransformerRerank would, with EMBED text and max_length %d.",
            model,
            CONTRACT_FILE,
            TextContract().max_length,
        )
    if chosen is not None and saved is not None and chosen != saved:
        logger.warning(
            "%s was tuned under %s and is served under %s, as asked: it may rank worse.", model, saved, chosen
        )
    return chosen or saved or TextContract()


def mix_of(given: RankMix | Mapping[str, Any] | Literal["auto"] | None, folder: Path | None) -> RankMix | None:
    """The mix to serve with: the given one, or with ``auto`` the checkpoint's where one was fitted."""
    if given == "auto":
        return RankMix.load(folder) if folder is not None else None
    if isinstance(given, str):
        raise ConfigError(f"mix must be 'auto', a RankMix or None, got {given!r}.")
    return RankMix(**given) if isinstance(given, Mapping) else given


def calibration_of(
    given: Calibration | Mapping[str, Any] | Literal["auto"] | None, folder: Path | None
) -> Calibration | None:
    """The calibration to serve with: the given one, or with ``auto`` the checkpoint's where one was fitted."""
    if given == "auto":
        return Calibration.load(folder) if folder is not None else None
    if isinstance(given, str):
        raise ConfigError(f"calibration must be 'auto', a Calibration or None, got {given!r}; see {CALIBRATION_FILE}.")
    return Calibration(**given) if isinstance(given, Mapping) else given
