"""Answers on disk, under the hash of their text."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.retrieval.content_cache import ContentCache

WRITER = """
import sys
from llama_index_rerank_tuner.retrieval.content_cache import ContentCache
cache = ContentCache(sys.argv[1])
for start in range(0, 200, 10):
    texts = [str(number) for number in range(start, start + 10)]
    cache.put(texts, [text.encode() for text in texts])
"""


def test_what_was_put_is_found_again_by_another_reader(tmp_path: Path) -> None:
    ContentCache(tmp_path / "new" / "c.sqlite").put(["a", "", "税\ud800"], [b"1", b"", b"\x00\xff"])
    assert ContentCache(tmp_path / "new" / "c.sqlite").get(["税\ud800", "A", "", "a"]) == [b"\x00\xff", None, b"", b"1"]


def test_many_texts_are_asked_for_at_once(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "c.sqlite")
    texts = [str(number) for number in range(1700)]
    cache.put(texts, [text.encode() for text in texts])
    assert cache.get(texts[::-1]) == [text.encode() for text in texts[::-1]]
    assert cache.missing(["new", *texts, "other", "new"]) == ["new", "other"]


def test_the_first_answer_stays(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "c.sqlite")
    cache.put(["a"], [b"1"])
    cache.put(["a", "b"], [b"2", b"2"])
    assert cache.get(["a", "b"]) == [b"1", b"2"]


def test_a_put_that_fails_keeps_nothing(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "c.sqlite")
    with pytest.raises(ValueError, match="shorter"):
        cache.put(["a", "b"], [b"1"])
    assert cache.get(["a", "b"]) == [None, None]


def test_processes_may_write_the_same_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path)]) for _ in range(2)]
    assert [writer.wait(timeout=300) for writer in writers] == [0, 0]
    texts = [str(number) for number in range(200)]
    assert ContentCache(path).get(texts) == [text.encode() for text in texts]


def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes, which are precious " * 10)
    with pytest.raises(DataError, match=r"notes\.txt: the cache cannot be used"):
        ContentCache(path)
    assert path.read_text() == "my notes, which are precious " * 10


def test_a_database_with_another_table_of_that_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE answers (question TEXT)")
    connection.close()
    with pytest.raises(DataError, match="no such column"):
        ContentCache(path).get(["a"])
