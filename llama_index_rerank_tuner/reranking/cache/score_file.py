"""The SQLite file of a score cache: opening it, knowing it as ours, and setting a damaged one aside."""

from __future__ import annotations

import os
import sqlite3
import time
import warnings
from pathlib import Path
from types import TracebackType

from llama_index_rerank_tuner.errors import ConfigError, RerankTunerWarning

APPLICATION_ID, VERSION = 0x52525443, 1
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BESIDE = ("-wal", "-shm")
_TABLE = """
    CREATE TABLE IF NOT EXISTS scores (place INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, entry BLOB NOT NULL)
"""


class Connection:
    """A connection that opens when it is first used, and again after a fork, after ``close``, or where the file went.

    Used as a context, by one thread at a time, it gives the SQLite connection.

    Args:
        path: The file.
        busy_timeout: Seconds to wait for another connection's lock.

    Raises:
        ConfigError: The file belongs to another program or version (when entered).
    """

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self._path, self._busy_timeout = path, busy_timeout
        self._database: sqlite3.Connection | None = None
        self._process = 0
        self._left_by_fork: sqlite3.Connection | None = None
        self.file: tuple[int, int] | None = None

    def __enter__(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            # A connection must not be used, nor even closed, on the other side of a fork.
            self._left_by_fork, self._database, self._process = self._database, None, os.getpid()
        if self._database is None or _file_at(self._path) != self.file:
            self.close()
            self._database = self._opened()
        return self._database

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the connection open."""

    def close(self) -> None:
        """Close the connection; entering again opens it again."""
        if self._database is not None and self._process == os.getpid():
            self._database.close()
        self._database = None

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(
            self._path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
        )
        self.file = _file_at(self._path)
        try:
            _prepare(database, self._path)
        except BaseException:
            database.close()
            raise
        return database


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is damaged or no database at all, rather than locked, full or out of reach."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def set_aside(path: Path, damaged: tuple[int, int] | None, error: Exception) -> None:
    """Rename a damaged file, with what lies beside it, unless another process has done so already."""
    if damaged is None or _file_at(path) != damaged:
        return
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    path.replace(kept)
    for end in _BESIDE:
        path.with_name(path.name + end).unlink(missing_ok=True)
    warnings.warn(
        f"The score cache {path} is damaged ({error}): it is kept as {kept.name}, and a new one is begun. Scores are "
        "computed again; delete the damaged file when you do not need it.",
        RerankTunerWarning,
        stacklevel=2,
    )


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    """Make the table in a new file; refuse a database that is not this cache's."""
    found, tables = _identity(database)
    if found != (APPLICATION_ID, VERSION):
        if tables:
            raise ConfigError(
                f"{path} is a SQLite database of another program, or of another version of this one. Give a path of "
                "its own to the score cache, or delete the file."
            )
        database.execute("PRAGMA journal_mode = WAL")
        with database:
            database.execute("BEGIN IMMEDIATE")
            database.execute(_TABLE)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {VERSION}")
    # Losing the last scores to a power cut is nothing; waiting for the disk at each write would be.
    database.execute("PRAGMA synchronous = NORMAL")


def _identity(database: sqlite3.Connection) -> tuple[tuple[int, int], int]:
    """Application and version of a database and its number of tables, all at one moment.

    Another process may just be making the file.
    """
    with database:
        database.execute("BEGIN")
        tables, application, version = (
            database.execute(question).fetchone()[0]
            for question in ("SELECT count(*) FROM sqlite_master", "PRAGMA application_id", "PRAGMA user_version")
        )
    return (application, version), tables


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
