"""The keys of cached scores: everything that a score depends on, hashed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from hashlib import blake2b
from typing import Any

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.journal import content_hash

KEY_BYTES = 32
SCORES_VERSION = 1
"""Raised when this package comes to score the same pair otherwise, so that older scores are not served."""
_NO_PART_OF_THE_SCORE = frozenset({"retriever", "scope"})


def score_namespace(fingerprint: str, backend: str, contract: Any, **settings: Any) -> bytes:
    """What all scores of one reranker share: 32 bytes that differ as soon as one of the arguments does.

    Args:
        fingerprint: ``model_fingerprint`` of the checkpoint.
        backend: Backend and precision, such as ``onnx int8``: it computes slightly other scores.
        contract: How texts are made and cut: a ``TextContract``, or a mapping of JSON values. Its ``retriever`` and
            ``scope`` do not count, since no score depends on them.
        settings: What else the scores depend on, as JSON values, such as the windows of long passages.

    Raises:
        ConfigError: The contract or a setting is no JSON value.

    Example:
        >>> shop = score_namespace("4cce", "torch fp32", {"max_length": 512})
        >>> shop == score_namespace("4cce", "torch fp32", {"max_length": 256})
        False
    """
    made = asdict(contract) if is_dataclass(contract) and not isinstance(contract, type) else dict(contract)
    text = {name: value for name, value in made.items() if name not in _NO_PART_OF_THE_SCORE}
    try:
        return bytes.fromhex(content_hash(SCORES_VERSION, fingerprint, backend, text, settings))
    except TypeError as error:
        raise ConfigError(f"A cache key must be made of JSON values: {error}. Got {text} and {settings}.") from error


def pair_keys(namespace: bytes, pairs: Sequence[tuple[str, str]]) -> list[bytes]:
    """Keys of ``n`` (query text, passage text) pairs, 32 bytes each.

    A key is the BLAKE2b hash of the passage behind the query's own hash, keyed with the namespace. The query's hash
    has a fixed width, so no two different pairs give the same bytes to hash.

    Args:
        namespace: ``score_namespace`` of the reranker; at most 64 bytes.
        pairs: The texts as the model reads them.

    Example:
        >>> keys = pair_keys(b"model", [("ab", "c"), ("a", "bc"), ("ab", "c")])
        >>> keys[0] == keys[1], keys[0] == keys[2], len(keys[0])
        (False, True, 32)
    """
    begun = {}
    keys = []
    for query, passage in pairs:
        if query not in begun:
            begun[query] = blake2b(blake2b(_encoded(query)).digest(), digest_size=KEY_BYTES, key=namespace)
        key = begun[query].copy()
        key.update(_encoded(passage))
        keys.append(key.digest())
    return keys


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
