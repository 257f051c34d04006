"""Long passages in overlapping windows: every part of a passage is read, and nothing is cut off."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.protocols import Scorer

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerBase

WindowMode = Literal["max", "first_max"]
OVERLAP = 64
LEAST_SHARE = 4
"""A window advances by at least a quarter of its length."""


class WindowedScorer:
    """Wraps a scorer and scores passages that do not fit beside their query in overlapping windows.

    ``max`` takes the best window's logit (MaxP, Dai and Callan 2019). ``first_max`` takes the mean of the first
    window's and the best window's, ``(first + max) / 2``, for passages that begin with what they are about. Either
    way a passage of one window has the logit that it has without windows.

    Windows are cut between words of the original text wherever a word ends near enough, so that a piece of text is
    encoded as it was within the whole. A passage of ``n`` tokens costs about ``n / (room - overlap)`` windows.

    Args:
        scorer: Scores the windows.
        tokenizer: The model's tokenizer, a fast one.
        max_length: Longest pair in tokens.
        mode: How the windows' logits become the passage's.
        overlap: Tokens that neighbouring windows share, at most a quarter of a window.
        prompt: What the scorer puts before every query.

    Raises:
        ConfigError: A setting cannot work, or the tokenizer gives no offsets.
    """

    def __init__(
        self,
        scorer: Scorer,
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        mode: WindowMode = "max",
        overlap: int = OVERLAP,
        prompt: str = "",
    ) -> None:
        if mode not in ("max", "first_max"):
            raise ConfigError(f"windows must be 'max', 'first_max' or None, got {mode!r}.")
        if overlap < 0:
            raise ConfigError(f"overlap must not be negative, got {overlap}.")
        self._tokenizer = _own_tokenizer(tokenizer)
        self._specials = self._tokenizer.num_special_tokens_to_add(is_pair=True)
        if max_length < self._specials + 2:
            raise ConfigError(f"max_length must leave room for a query and a passage, got {max_length}.")
        self._scorer, self.max_length, self.mode, self.overlap = scorer, max_length, mode, overlap
        self._prompt = prompt
        self.passages, self.windowed = 0, 0
        self._lock = Lock()

    @property
    def name(self) -> str:
        """Name of the wrapped scorer."""
        return self._scorer.name

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Logits of ``n`` pairs, shape ``(n,)``."""
        windows = self.windows(pairs)
        with self._lock:
            self.passages += len(pairs)
            self.windowed += sum(len(parts) > 1 for parts in windows)
        if not windows:
            return np.empty(0)
        asked = [(query, part) for (query, _), parts in zip(pairs, windows, strict=True) for part in parts]
        logits = self._scorer(asked)
        starts = np.cumsum([0, *(len(parts) for parts in windows)])
        best = np.array([logits[start:end].max() for start, end in pairwise(starts)])
        return best if self.mode == "max" else (logits[starts[:-1]] + best) / 2

    def windows(self, pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
        """The texts that each passage is scored by; one that fits beside its query is left as it is."""
        queries = {query: self._room(query) for query in dict.fromkeys(query for query, _ in pairs)}
        passages = list(dict.fromkeys(passage for _, passage in pairs))
        texts = [_encodable(passage) for passage in passages]
        encoded = dict(zip(passages, self._tokenizer.encode_batch(texts, add_special_tokens=False), strict=True))
        return [self._cut(passage, encoded[passage], queries[query]) for query, passage in pairs]

    def _room(self, query: str) -> int:
        """Tokens left for a passage; a query longer than half of the pair is cut to half."""
        room = self.max_length - self._specials
        asked = self._tokenizer.encode(_encodable(self._prompt + query), add_special_tokens=False)
        return max(room - len(asked), room // 2)

    def _cut(self, passage: str, encoding: Encoding, room: int) -> list[str]:
        tokens, words = len(encoding.offsets), encoding.word_ids
        if tokens <= room:
            return [passage]
        overlap, slack = min(self.overlap, room // LEAST_SHARE), room // LEAST_SHARE
        texts, start, end = [], 0, 0
        while end < tokens:
            end = min(start + room, tokens)
            if end < tokens:
                end = _word_start(words, end, least=end - slack)
            text, end = self._fitted(passage, encoding.offsets, start, end, room)
            texts.append(text)
            start = max(start + 1, _word_start(words, end - overlap, least=end - overlap - slack))
        return texts

    def _fitted(
        self, passage: str, offsets: Sequence[tuple[int, int]], start: int, end: int, room: int
    ) -> tuple[str, int]:
        """A window's text, and where it ends: earlier than asked, where a word cut in two takes more tokens."""
        begin = offsets[start - 1][1] if start else 0
        while True:
            text = passage[begin : offsets[end - 1][1] if end < len(offsets) else len(passage)]
            excess = len(self._tokenizer.encode(_encodable(text), add_special_tokens=False)) - room
            if excess <= 0 or end == start + 1:
                return text, end
            end = max(start + 1, end - excess)


def _word_start(words: Sequence[int | None], place: int, least: int) -> int:
    """The nearest place at or before ``place`` where a word starts; ``place`` itself where none is near enough."""
    for at in range(min(place, len(words) - 1), max(least, 0), -1):
        if words[at] != words[at - 1]:
            return at
    return place


def _encodable(text: str) -> str:
    """The text with ``?`` for lone surrogates, which no tokenizer takes; as long as before."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _own_tokenizer(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """A copy that cuts and pads nothing and that no one else sets to do so."""
    from tokenizers import Tokenizer

    fast = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(fast, Tokenizer):
        raise ConfigError(
            f"windows= needs a fast tokenizer, one with offsets into the text; {type(tokenizer).__name__} is none. "
            "Serve without windows, and split long documents into smaller nodes."
        )
    own = Tokenizer.from_str(fast.to_str())
    own.no_truncation()
    own.no_padding()
    return own
