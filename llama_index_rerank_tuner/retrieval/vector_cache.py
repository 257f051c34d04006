"""``RememberingEncode``: embeddings kept on disk, so that no text is embedded twice by the same model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.protocols import Encode
from llama_index_rerank_tuner.retrieval.content_cache import ContentCache

_FLOAT32 = np.dtype("<f4")
_AT_ONCE = 1024


class RememberingEncode:
    """Embeds each different text once and finds it again in later runs; a changed text is another text.

    Texts are embedded 1,024 at a time, those of like length together, and each such portion is on the disk before the
    next: a kill loses no more than one. Several processes may use one folder at once.

    Args:
        encode: What embeds the new texts.
        model: Name of the model, or its directory; a directory that is written anew counts as another model.
        cache_dir: Folder for the vectors.

    Raises:
        ConfigError: ``model`` is empty.
        DataError: The cache's file cannot be used, or holds vectors of another length.

    Example:
        >>> import tempfile
        >>> def encode(texts):
        ...     return np.array([[len(text)] for text in texts], dtype=np.float32)
        >>> remembering = RememberingEncode(encode, "length", tempfile.mkdtemp())
        >>> remembering(["tax", "office", "tax"]).tolist()
        [[3.0], [6.0], [3.0]]
    """

    def __init__(self, encode: Encode, model: str, cache_dir: str | Path) -> None:
        if not model.strip():
            raise ConfigError("Vectors can be kept on disk only under the name of their model, and model is empty.")
        self._encode = encode
        self._cache = ContentCache(Path(cache_dir) / _file_name(model))

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed ``n`` texts, in order: shape ``(n, dimensions)``; ``(0, 0)`` for no text."""
        new = sorted(self._cache.missing(texts), key=len)
        for start in range(0, len(new), _AT_ONCE):
            some = new[start : start + _AT_ONCE]
            vectors = np.asarray(self._encode(some), dtype=_FLOAT32)
            self._cache.put(some, [vector.tobytes() for vector in vectors])
        return self._kept(texts)

    def _kept(self, texts: Sequence[str]) -> NDArray[np.float32]:
        kept = np.zeros((0, 0), dtype=np.float32)
        for start in range(0, len(texts), _AT_ONCE):
            for position, value in enumerate(self._cache.get(texts[start : start + _AT_ONCE]), start):
                vector = np.frombuffer(value or b"", dtype=_FLOAT32)
                if not position:
                    kept = np.zeros((len(texts), len(vector)), dtype=np.float32)
                if len(vector) != kept.shape[1]:
                    raise DataError(
                        str(self._cache.path),
                        f"it holds vectors of {kept.shape[1]} numbers and of {len(vector)}",
                        "Two models had the same name: delete the file, and name each model differently.",
                    )
                kept[position] = vector
        return kept


def _file_name(model: str) -> str:
    readable = re.sub(r"[^\w.-]+", "-", Path(model).name)[:40]
    return f"vectors-{readable}-{hashlib.sha256(_identity(model).encode()).hexdigest()[:16]}.sqlite"


def _identity(model: str) -> str:
    """The model's name; for a directory also what its files look like, because it may be trained again in place."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return model
    files = sorted((str(path.relative_to(folder)), path.stat()) for path in folder.rglob("*") if path.is_file())
    return "\n".join([str(folder.resolve()), *(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in files)])
