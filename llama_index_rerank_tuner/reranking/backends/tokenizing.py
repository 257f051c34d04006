"""``PairTokenizer``: pairs become the numbers a network reads, cut and padded as ``CrossEncoder`` does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.models import load_failed, resolve_model
from llama_index_rerank_tuner.reranking.backends.saved_scoring import only_plain

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TokenizedPairs:
    """Pairs as a network reads them.

    Args:
        features: ``input_ids``, ``attention_mask`` and what else the network reads, each ``(n, longest)``.
        truncated: How many of the pairs were cut.
    """

    features: dict[str, NDArray[np.int64]]
    truncated: int

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each pair, shape ``(n,)``."""
        lengths: NDArray[np.int64] = self.features["attention_mask"].sum(axis=1)
        return lengths


class PairTokenizer:
    """Tokenizes pairs; safe to call from several threads.

    Make one with ``of_model`` or ``of_checkpoint``; both give the same numbers.

    Args:
        encode: Tokenizes pairs as a transformers tokenizer does, cut and padded.
        max_length: Longest pair in tokens; None for no limit.
    """

    def __init__(self, encode: Callable[[list[Pair]], Any], max_length: int | None) -> None:
        self._encode, self.max_length = encode, max_length
        self._lock = Lock()

    @classmethod
    def of_model(cls, model: CrossEncoder) -> PairTokenizer:
        """The tokenizer of a loaded cross-encoder of any kind, chat templates and prompts included."""
        prompt = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None
        return cls(lambda pairs: model.preprocess(pairs, prompt=prompt), model.max_seq_length)

    @classmethod
    def of_checkpoint(cls, checkpoint: str | Path, max_length: int | None = None) -> PairTokenizer:
        """The tokenizer of a checkpoint, without its weights.

        Args:
            checkpoint: Checkpoint directory or hub id.
            max_length: Longest pair in tokens, at most what the network has positions for; None for its own.

        Raises:
            CheckpointNotFoundError: There is no such model.
            ConfigError: The checkpoint reads pairs in a way that needs all of it, such as a chat template.
        """
        from transformers import AutoTokenizer

        saved = only_plain(checkpoint)
        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(resolve_model(checkpoint))
        except (OSError, ValueError) as error:
            raise load_failed(str(checkpoint), error) from error
        longest = _longest(max_length or tokenizer.model_max_length, saved.max_length)

        def encode(pairs: list[Pair]) -> Any:
            asked = [(saved.prompt + query, passage) for query, passage in pairs]
            return tokenizer(asked, padding=True, truncation="longest_first", max_length=longest, return_tensors="np")

        return cls(encode, longest)

    def __call__(self, pairs: Sequence[Pair]) -> TokenizedPairs:
        """Tokenize ``n`` pairs, at least one.

        Characters that no UTF-8 text can hold (lone surrogates) are read as ``?``.

        Raises:
            DataError: A pair has no token at all: both texts are empty, and the tokenizer adds no marks.
        """
        encoded = self._encoded(list(pairs))
        shape = tuple(encoded["input_ids"].shape)
        features = {
            name: np.asarray(value, dtype=np.int64)
            for name, value in encoded.items()
            if tuple(getattr(value, "shape", ())) == shape
        }
        return TokenizedPairs(features, self._truncated(encoded, features["attention_mask"]))

    def _encoded(self, pairs: list[Pair]) -> Any:
        with self._lock:
            try:
                return self._encode(pairs)
            except (UnicodeEncodeError, TypeError):
                return self._encode([(_encodable(query), _encodable(passage)) for query, passage in pairs])
            except ValueError as error:
                problem = str(error).partition(".")[0]
                raise DataError("a pair", problem, "Leave out pairs whose query and passage are empty.") from error

    def _truncated(self, encoded: Any, mask: NDArray[np.int64]) -> int:
        """Pairs that were cut. A tokenizer written in Python does not tell: pairs as long as the limit count then."""
        encodings = getattr(encoded, "encodings", None)
        if encodings is None:
            return 0 if self.max_length is None else int((mask.sum(axis=1) >= self.max_length).sum())
        return sum(bool(each.overflowing) for each in encodings)


def _longest(asked: int, positions: int | None) -> int:
    if asked < 1:
        raise ConfigError(f"max_length must be a positive number of tokens, got {asked}.")
    return int(asked) if positions is None else min(int(asked), positions)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
