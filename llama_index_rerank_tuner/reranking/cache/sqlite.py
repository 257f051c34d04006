"""A cache in one SQLite file: scores that outlive the process, shared by the processes of one machine."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.reranking.cache.entries import packed, unpacked
from llama_index_rerank_tuner.reranking.cache.score_file import Connection, is_damage, set_aside

ASKED_AT_ONCE = 500
_OPENING_TIME = 1.0


class SqliteCache:
    """Keeps scores in one SQLite file, the newest ones.

    Several threads and processes may use the file at once (write-ahead log). It must lie on a disk of this machine,
    since SQLite's locks do not work on every network file system. Beyond ``max_entries`` the scores written first give
    way. A file that is damaged is renamed, with a warning, and begun anew; an entry that is damaged is as good as not
    there, and written over. A call raises what SQLite raises where the file is locked, full or cannot be written: wrap
    the cache in ``DegradingCache`` (``CachedScorer`` does).

    Args:
        path: The file; made with its folders where it is not there.
        max_entries: Most scores kept, about 110 bytes of disk each.
        busy_timeout: Seconds to wait for another process that writes.

    Raises:
        ConfigError: A number is not positive, or the file belongs to another program or version.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "scores.sqlite"
        >>> cache = SqliteCache(path)
        >>> cache.put_many({b"a": 1.5})
        >>> cache.close()
        >>> SqliteCache(path).get_many([b"a", b"b"])
        [1.5, None]
    """

    def __init__(self, path: str | Path, *, max_entries: int = 1_000_000, busy_timeout: float = 0.04) -> None:
        for name, value in (("max_entries", max_entries), ("busy_timeout", busy_timeout)):
            if not 0 < value < float("inf"):
                raise ConfigError(f"{name} must be positive, got {value}.")
        self.path = Path(path).expanduser().absolute()
        self.max_entries, self.busy_timeout = max_entries, busy_timeout
        # Readers do not wait for writers, so each kind has a connection of its own.
        self._reader, self._writer = (Connection(self.path, busy_timeout) for _ in range(2))
        self._reading, self._writing = Lock(), Lock()
        self._open_early()

    @property
    def name(self) -> str:
        """Path of the file."""
        return str(self.path)

    def get_many(self, keys: Sequence[bytes]) -> list[float | None]:
        """The scores of ``n`` keys, in order; None where there is none.

        Raises:
            sqlite3.Error: The file cannot be read.
            OSError: Its folder cannot be made.
        """
        entries: dict[bytes, object] = {}
        try:
            with self._reading, self._reader as database:
                for start in range(0, len(keys), ASKED_AT_ONCE):
                    asked = keys[start : start + ASKED_AT_ONCE]
                    marks = ",".join("?" * len(asked))
                    entries.update(database.execute(f"SELECT key, entry FROM scores WHERE key IN ({marks})", asked))
        except sqlite3.DatabaseError as error:
            self._begin_anew(self._reader, error)
            return [None] * len(keys)
        return [unpacked(key, entries.get(key)) for key in keys]

    def put_many(self, items: Mapping[bytes, float]) -> None:
        """Keep the scores, in one transaction; the ones written first give way.

        Raises:
            sqlite3.Error: The file cannot be written.
            OSError: Its folder cannot be made.
        """
        entries = [(key, packed(key, score)) for key, score in items.items()]
        try:
            with self._writing, self._writer as database, database:
                database.execute("BEGIN IMMEDIATE")
                # An entry keeps its place: without gaps, the numbers of the rows tell how many there are.
                database.executemany(
                    "INSERT INTO scores (key, entry) VALUES (?, ?) "
                    "ON CONFLICT (key) DO UPDATE SET entry = excluded.entry",
                    entries,
                )
                database.execute(
                    "DELETE FROM scores WHERE place <= (SELECT max(place) FROM scores) - ?", (self.max_entries,)
                )
        except sqlite3.DatabaseError as error:
            self._begin_anew(self._writer, error)

    def close(self) -> None:
        """Close the file."""
        for lock, connection in ((self._reading, self._reader), (self._writing, self._writer)):
            with lock:
                connection.close()

    def _open_early(self) -> None:
        """Find a file of another program now; what may pass, such as a lock, is left to the first call."""
        give_up = time.monotonic() + _OPENING_TIME
        while True:
            try:
                with self._writing, self._writer:
                    return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up:
                    return
                time.sleep(0.01)
            except sqlite3.DatabaseError as error:
                return self._begin_anew(self._writer, error)
            except OSError:
                return

    def _begin_anew(self, connection: Connection, error: sqlite3.DatabaseError) -> None:
        """Set a damaged file aside; any other error is raised on."""
        if not is_damage(error):
            raise error
        damaged = connection.file
        self.close()
        set_aside(self.path, damaged, error)
