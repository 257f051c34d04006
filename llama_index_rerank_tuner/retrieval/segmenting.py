"""Cutting many texts: each different one once, in parallel where it pays, and remembered on disk."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.retrieval import segmentation
from llama_index_rerank_tuner.retrieval.content_cache import ContentCache
from llama_index_rerank_tuner.retrieval.segmentation import chinese_characters, segment

PAYS_FROM = 1_000_000
"""Chinese characters from which on a second process is worth its start: about a second, to jieba's three."""

_CHUNK_CHARACTERS = 50_000
_CHUNKS_AHEAD = 4

logger = logging.getLogger(__name__)


def segment_all(
    texts: Sequence[str], cache_dir: str | Path | None = None, processes: int | None = None
) -> Iterator[list[str]]:
    """Cut ``n`` texts as ``segment`` does, each different text once.

    The processes are started afresh and import nothing of the caller's: no ``if __name__ == "__main__"`` is needed,
    and threads of the caller do no harm. They cut with the caller's jieba dictionary. Where they cannot be started,
    the work is done here.

    Args:
        texts: The texts.
        cache_dir: Folder where terms are kept by content and dictionary, and found again; None for nowhere.
        processes: Processes that run jieba; None for one a core where there is enough Chinese text to pay for it.

    Returns:
        The terms of each text, in order, made while they are asked for.

    Raises:
        ConfigError: ``processes`` is not positive.
        DataError: The cache's file cannot be used.
    """
    if processes is not None and processes < 1:
        raise ConfigError(f"processes must be a positive integer or None, got {processes}.")
    return _with_repeats(texts, cache_dir, processes)


def _with_repeats(texts: Sequence[str], cache_dir: str | Path | None, processes: int | None) -> Iterator[list[str]]:
    left = Counter(texts)
    fresh = _cut(list(left), processes) if cache_dir is None else _remembered(list(left), cache_dir, processes)
    held: dict[str, list[str]] = {}
    for text in texts:
        terms = held[text] if text in held else next(fresh)
        left[text] -= 1
        if left[text]:
            held[text] = terms
        else:
            held.pop(text, None)
        yield terms


def _remembered(texts: Sequence[str], cache_dir: str | Path, processes: int | None) -> Iterator[list[str]]:
    cache = ContentCache(Path(cache_dir) / f"terms-{_rules()}.sqlite")
    new = cache.missing(texts)
    cut = _cut(new, processes)
    for chunk in _chunks(new):
        cache.put(chunk, ["\n".join(next(cut)).encode("utf-8", "surrogatepass") for _ in chunk])
    for chunk in _chunks(texts):
        for text, kept in zip(chunk, cache.get(chunk), strict=True):
            yield segment(text) if kept is None else kept.decode("utf-8", "surrogatepass").split()


def _rules() -> str:
    """A short hash of all that terms depend on besides the text."""
    parts = f"1 {version('jieba')} {unicodedata.unidata_version}".encode() + segmentation.dictionary()
    return hashlib.sha256(parts).hexdigest()[:16]


def _cut(texts: Sequence[str], processes: int | None) -> Iterator[list[str]]:
    wanted = _worth(texts) if processes is None else processes
    return map(segment, texts) if wanted == 1 else _cut_in_processes(texts, wanted)


def _worth(texts: Iterable[str]) -> int:
    """Processes that pay: one for each core, one for each half million characters, whichever is less."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1:
        return 1
    return max(1, min(cores, 2 * sum(map(chinese_characters, texts)) // PAYS_FROM))


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if size >= _CHUNK_CHARACTERS or len(chunk) == 1000:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _cut_in_processes(texts: Sequence[str], processes: int) -> Iterator[list[str]]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        path = Path(folder) / "dictionary"
        path.write_bytes(segmentation.dictionary())
        workers: SimpleQueue[_Worker] = SimpleQueue()
        for _ in range(processes):
            workers.put(stack.enter_context(_Worker(path)))
        threads = stack.enter_context(ThreadPoolExecutor(processes))

        def ask(chunk: list[str]) -> list[list[str]]:
            worker = workers.get()
            try:
                return worker.cut(chunk)
            finally:
                workers.put(worker)

        running: deque[Future[list[list[str]]]] = deque()
        for chunk in _chunks(texts):
            running.append(threads.submit(ask, chunk))
            if len(running) > processes * _CHUNKS_AHEAD:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()


class _Worker:
    """A process that cuts; where it fails, this one cuts instead."""

    def __init__(self, dictionary: Path) -> None:
        # -P: the folder of the program is not searched for modules.
        command = [sys.executable, "-P", segmentation.__file__, str(dictionary)]
        try:
            # A session of its own: the caller's Ctrl-C ends the caller, and the end of its input ends the worker.
            self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self._give_up(error)

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def cut(self, texts: Sequence[str]) -> list[list[str]]:
        if self._process is not None:
            try:
                return self._ask(self._process, texts)
            except (OSError, ValueError) as error:
                self.__exit__()
                self._give_up(error)
        return [segment(text) for text in texts]

    def _give_up(self, error: Exception) -> None:
        logger.warning("A process for jieba is lost (%s); its share is cut in this one, which takes longer.", error)
        self._process = None

    @staticmethod
    def _ask(process: subprocess.Popen[bytes], texts: Sequence[str]) -> list[list[str]]:
        if process.stdin is None or process.stdout is None:
            raise ValueError("it has no pipes")
        process.stdin.write(json.dumps(texts).encode("ascii") + b"\n")
        process.stdin.flush()
        answer: list[list[str]] = json.loads(process.stdout.readline())
        return answer
