"""``ContentCache``: answers kept on disk under the hash of the text they were made from."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from llama_index_rerank_tuner.errors import DataError

_AT_ONCE = 500
_WAIT_SECONDS = 60.0


class ContentCache:
    """A file of bytes by text. Any number of threads and processes may read and write it at once.

    What the bytes depend on besides the text (a model, a dictionary) belongs into the file's name.

    Args:
        path: The SQLite file; made with its folders where it is not there.

    Raises:
        DataError: The file is not of this kind, or cannot be read or written.

    Example:
        >>> import tempfile
        >>> cache = ContentCache(Path(tempfile.mkdtemp()) / "lengths.sqlite")
        >>> cache.put(["a text"], [b"6"])
        >>> cache.get(["a text", "another"])
        [b'6', None]
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def get(self, texts: Sequence[str]) -> list[bytes | None]:
        """What is kept for each text; None where nothing is."""
        keys = [_key(text) for text in texts]
        with self._open() as connection:
            known = dict(_rows(connection, keys))
        return [known.get(key) for key in keys]

    def missing(self, texts: Iterable[str]) -> list[str]:
        """The different texts that nothing is kept for, in order."""
        different = list(dict.fromkeys(texts))
        return [
            text
            for start in range(0, len(different), _AT_ONCE)
            for text, value in zip(
                different[start : start + _AT_ONCE], self.get(different[start : start + _AT_ONCE]), strict=True
            )
            if value is None
        ]

    def put(self, texts: Sequence[str], values: Iterable[bytes]) -> None:
        """Keep a value for each text, all or none; what another process kept in the meantime stays."""
        rows = list(zip(map(_key, texts), values, strict=True))
        with self._open() as connection, connection:
            connection.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT_SECONDS)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise DataError(
                str(self.path),
                f"the cache cannot be used ({error})",
                "See that the disk has room and can be written to; or delete the file: it is made again.",
            ) from error


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _rows(connection: sqlite3.Connection, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        yield from connection.execute(f"SELECT key, value FROM answers WHERE key IN ({marks})", some)
