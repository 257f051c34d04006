"""``Journal``: the append-only file behind work that is resumed after a kill instead of being paid for twice."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from llama_index_rerank_tuner.errors import DataError, RerankTunerError

# Windows has no fcntl: there a second process is not noticed.
if sys.platform != "win32":
    import fcntl

VERSION = 1
_OPENING = f'{{"journal": "llama-index-rerank-tuner", "version": {VERSION}, '.encode()

logger = logging.getLogger(__name__)


def content_hash(*parts: Any) -> str:
    """A key made of everything that an answer depends on: the SHA-256 of the parts as JSON.

    Example:
        >>> content_hash("Who may apply?", 2)[:12]
        '07e74036923f'
    """
    canonical = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


class Journal:
    """Remembers JSON values by key, one line each, each safely on the disk before ``append`` returns.

    The first line names the settings that the values were made with. A last line that a kill tore is cut off when the
    file is opened again. One process at a time may hold a journal (on Windows that is not checked); within the
    process any number of threads and asyncio tasks may use it. Values stay on the disk, only keys are held in memory.

    Args:
        path: The file; made with its folders where it is not there.
        settings: What all the values depend on, as JSON values. Opening with other settings is refused.

    Raises:
        DataError: The file cannot be opened or is no journal, a line in it is damaged, or it was made with other
            settings.
        RerankTunerError: Another process, or another ``Journal`` of this one, holds the file.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "answers.jsonl"
        >>> with Journal(path, {"model": "m"}) as journal:
        ...     journal.append("a", {"answer": "yes"})
        >>> with Journal(path, {"model": "m"}) as journal:
        ...     journal.get("a"), "b" in journal
        ({'answer': 'yes'}, False)
    """

    def __init__(self, path: str | Path, settings: Mapping[str, Any] | None = None) -> None:
        self.path = Path(path)
        self.settings = dict(settings or {})
        self._places: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._file = _opened(self.path)
        try:
            self._hold()
            self._end = self._open()
        except BaseException:
            os.close(self._file)
            raise

    def get(self, key: str) -> Any:
        """The value of a key; None where there is none."""
        place = self._places.get(key)
        if place is None:
            return None
        with self._lock:
            os.lseek(self._file, place[0], os.SEEK_SET)
            return json.loads(os.read(self._file, place[1]))["value"]

    def append(self, key: str, value: Any) -> None:
        """Store a value; once this returns, a kill cannot lose it.

        Args:
            key: Not yet in the journal.
            value: Anything that JSON can hold.

        Raises:
            DataError: The key is there already.
            RerankTunerError: The journal is closed, or the disk is full or gone; the journal is as it was.
        """
        line = _line({"key": key, "value": value})
        with self._lock:
            if self._file < 0:
                raise RerankTunerError(f"{self.path} is closed: nothing can be stored in it any more.")
            if key in self._places:
                raise DataError(str(self.path), f"the key {key!r} is there already", "Ask `key in journal` first.")
            self._places[key] = (self._end, len(line))
            try:
                self._write(line)
            except BaseException as error:
                del self._places[key]
                os.ftruncate(self._file, self._end)
                if isinstance(error, OSError):
                    raise RerankTunerError(
                        f"{self.path} cannot be written ({error.strerror}). What it holds is safe: make room, and "
                        "start again."
                    ) from error
                raise
            self._end += len(line)

    def close(self) -> None:
        """Let go of the file."""
        # Under the lock: another thread may be writing, and the number of a closed file soon stands for another file.
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def __contains__(self, key: object) -> bool:
        """Whether the key has a value."""
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        """The keys, oldest first."""
        return iter(self._places)

    def __len__(self) -> int:
        """Number of values."""
        return len(self._places)

    def __enter__(self) -> Self:
        """Hold the file until the block ends."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Let go of the file."""
        self.close()

    def _hold(self) -> None:
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RerankTunerError(
                f"{self.path} is in use: another run writes this journal. Wait until that has ended, or give this run "
                "a journal of its own."
            ) from error
        except OSError:
            # Some network drives have no locks.
            logger.warning("%s cannot be locked there: let no other run use it meanwhile.", self.path)

    def _write(self, line: bytes) -> None:
        written = os.write(self._file, line)
        while written < len(line):
            written += os.write(self._file, line[written:])
        os.fsync(self._file)

    def _open(self) -> int:
        """Read the keys, cut off a torn end, and give the place where the next line goes."""
        content = self.path.read_bytes()
        header = self._header()
        if b"\n" not in content and (content.startswith(_OPENING) or _OPENING.startswith(content)):
            os.ftruncate(self._file, 0)
            self._write(header)
            _sync_folder(self.path.parent)
            return len(header)
        end = self._check_header(content)
        for number, line in enumerate(content[end:].splitlines(keepends=True), start=2):
            key = _key_of(line)
            last = end + len(line) == len(content)
            if key is None and last:
                logger.warning("%s line %d was torn when a run was killed, and is cut off.", self.path, number)
                os.ftruncate(self._file, end)
                break
            if key is None:
                raise DataError(f"{self.path} line {number}", "it is damaged", "Delete the line; it is asked again.")
            self._places[key] = (end, len(line))
            end += len(line)
        return end

    def _header(self) -> bytes:
        rest = _line({"fingerprint": content_hash(self.settings), "settings": self.settings})
        return _OPENING + rest[1:]

    def _check_header(self, content: bytes) -> int:
        first, _, _ = content.partition(b"\n")
        if not first.startswith(_OPENING):
            raise DataError(
                f"{self.path} line 1", "this is no journal of this version", "Give another path, or delete the file."
            )
        if first + b"\n" != self._header():
            raise DataError(
                str(self.path),
                f"the journal was made with other settings ({_differences(first, self.settings)})",
                "Go back to those settings, or give a new journal path for these.",
            )
        return len(first) + 1


def _opened(path: Path) -> int:
    # On Windows a file not opened as binary would get two bytes for each end of a line.
    binary: int = getattr(os, "O_BINARY", 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | binary, 0o644)
    except OSError as error:
        raise DataError(
            str(path), f"the journal cannot be opened ({error.strerror})", "Give a file in a folder you may write to."
        ) from error


def _line(record: Mapping[str, Any]) -> bytes:
    # Escaped to ASCII, so that no other line separator and no lone surrogate can stand in a line.
    return (json.dumps(record) + "\n").encode("ascii")


def _key_of(line: bytes) -> str | None:
    try:
        record = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    key = record.get("key") if isinstance(record, dict) and "value" in record else None
    return key if isinstance(key, str) else None


def _differences(first: bytes, settings: Mapping[str, Any]) -> str:
    try:
        stored = dict(json.loads(first)["settings"])
    except (ValueError, TypeError, KeyError):
        return "its first line is damaged"
    different = [name for name in sorted({*stored, *settings}) if stored.get(name) != settings.get(name)]
    return ", ".join(f"{name} was {stored.get(name)!r} and is {settings.get(name)!r}" for name in different)


def _sync_folder(folder: Path) -> None:
    """Make a new file's name outlive a power cut, where folders can be synced."""
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(opened)
    except OSError:
        logger.debug("%s cannot be synced.", folder)
    finally:
        os.close(opened)
