"""The journal: nothing stored is lost, a torn line is cut off, and a wrong file is refused with a fix."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import DataError, RerankTunerError
from llama_index_rerank_tuner.journal import Journal, content_hash

SETTINGS = {"model": "m", "per_node": 2}
RECORDS = {"a": {"answer": "是\u2028\n"}, "b": None, "c": [1.5, "\ud800"]}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def _write(path: Path) -> None:
    with Journal(path, SETTINGS) as journal:
        for key, value in RECORDS.items():
            journal.append(key, value)


def _read(path: Path) -> dict[str, object]:
    with Journal(path, SETTINGS) as journal:
        return {key: journal.get(key) for key in journal}


def test_what_was_appended_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "journal.jsonl"
    _write(path)
    assert _read(path) == RECORDS
    with Journal(path, SETTINGS) as journal:
        assert (len(journal), "b" in journal, "d" in journal, journal.get("d")) == (3, True, False, None)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(records=st.dictionaries(st.text(), json_values, max_size=5))
def test_any_json_value_under_any_key_comes_back(tmp_path: Path, records: dict[str, object]) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    with Journal(path) as journal:
        for key, value in records.items():
            journal.append(key, value)
        assert {key: journal.get(key) for key in journal} == records
    with Journal(path) as journal:
        assert {key: journal.get(key) for key in journal} == records


def test_cut_off_at_any_byte_it_opens_with_the_whole_lines_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _write(path)
    content = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(content) if byte == ord("\n")]
    near_ends = {end + step for end in ends for step in (-1, 0, 1)} - {len(content) + 1}
    for length in sorted(near_ends.union(range(0, len(content), 9))):
        path.write_bytes(content[:length])
        whole = max(0, sum(end <= length for end in ends) - 1)
        assert list(_read(path)) == list(RECORDS)[:whole]
        with Journal(path, SETTINGS) as journal:
            for key, value in RECORDS.items():
                if key not in journal:
                    journal.append(key, value)
        assert path.read_bytes() == content


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    _write(tmp_path / "j")
    with pytest.raises(DataError, match=r"per_node was 2 and is 3.*give a new journal path"):
        Journal(tmp_path / "j", {"model": "m", "per_node": 3})


@pytest.mark.parametrize("content", ["notes", "notes\n", '{"query": "a"}\n', "\n"])
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=r"notes\.txt line 1: this is no journal"):
        Journal(path, SETTINGS)
    assert path.read_text() == content


@pytest.mark.parametrize("damage", [b"{", b'"text"\n', b'{"key": "x"}\n', b"\x00\xff\n", b"{}\r"])
def test_damage_in_the_middle_names_the_line(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "j"
    _write(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], damage, *lines[2:]]))
    with pytest.raises(DataError, match=r"j line 3: it is damaged"):
        Journal(path, SETTINGS)


def test_a_key_is_stored_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.append("a", 1)
        with pytest.raises(DataError, match="the key 'a' is there already"):
            journal.append("a", 2)
        assert journal.get("a") == 1


def test_a_second_holder_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    with Journal(tmp_path / "j"), pytest.raises(RerankTunerError, match="is in use: another run"):
        Journal(tmp_path / "j")
    Journal(tmp_path / "j").close()


def test_another_process_is_refused(tmp_path: Path) -> None:
    code = "import sys; from llama_index_rerank_tuner.journal import Journal; Journal(sys.argv[1])"
    with Journal(tmp_path / "j"):
        run = subprocess.run([sys.executable, "-c", code, str(tmp_path / "j")], capture_output=True, text=True)
    assert run.returncode == 1
    assert "is in use" in run.stderr


def test_a_path_that_cannot_be_opened_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "file" / "j", "File exists")):
        with pytest.raises(DataError, match=rf"the journal cannot be opened \({reason}\)"):
            Journal(path)


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = tmp_path / "j", os.write
    _write(path)

    def full(file: int, line: bytes) -> int:
        write(file, line[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with Journal(path, SETTINGS) as journal, monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(RerankTunerError, match=r"j cannot be written \(No space left on device\)"):
            journal.append("d", 1)
        patch.undo()
        journal.append("e", 2)
    assert _read(path) == {**RECORDS, "e": 2}


def test_a_drive_without_locks_is_used_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_locks(file: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    _write(tmp_path / "j")
    assert "cannot be locked there" in caplog.text


def test_a_closed_journal_stores_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.close()
    with pytest.raises(RerankTunerError, match="is closed"):
        journal.append("a", 1)


def test_tasks_and_threads_may_append_at_once(tmp_path: Path) -> None:
    async def work(journal: Journal) -> None:
        await asyncio.gather(*(asyncio.to_thread(journal.append, f"t{n}", "x" * n) for n in range(100)))

    with Journal(tmp_path / "j") as journal:
        thread = threading.Thread(target=lambda: [journal.append(f"s{n}", n) for n in range(100)])
        thread.start()
        asyncio.run(work(journal))
        thread.join()
    with Journal(tmp_path / "j") as journal:
        assert len(journal) == 200
        assert all(journal.get(f"t{n}") == "x" * n and journal.get(f"s{n}") == n for n in range(100))


def test_the_hash_tells_parts_from_their_joins() -> None:
    assert content_hash("ab", "c") != content_hash("a", "bc")
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})


WRITER = """
import sys
from llama_index_rerank_tuner.journal import Journal
with Journal(sys.argv[1]) as journal:
    for number in range(60):
        if str(number) not in journal:
            print(f"work {number}", flush=True)
            sys.stdin.readline()
            journal.append(str(number), "x" * (number * 37 % 500))
            print(f"done {number}", flush=True)
"""


def test_killed_ten_times_it_ends_as_if_never_killed(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    rng, spoken = random.Random(3), []
    for run in range(11):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(killed)], stdin=PIPE, stdout=PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdin is not None
        lines_until_kill = rng.randint(1, 10) if run < 10 else 1000
        for count, line in enumerate(writer.stdout, start=1):
            spoken.append(line.strip())
            # The writer waits before each record, so that it cannot be through before the kill reaches it.
            if count <= lines_until_kill and line.startswith("work"):
                writer.stdin.write("\n")
                writer.stdin.flush()
            if count == lines_until_kill:
                writer.send_signal(signal.SIGKILL)
        assert writer.wait() == (-signal.SIGKILL if run < 10 else 0)
    subprocess.run([sys.executable, "-c", WRITER, str(whole)], check=True, stdin=DEVNULL, stdout=DEVNULL)
    assert killed.read_bytes() == whole.read_bytes()
    stored: set[str] = set()
    for line in spoken:
        what, number = line.split()
        assert what != "work" or number not in stored, f"{number} was worked on after it was stored"
        if what == "done":
            stored.add(number)
    assert json.loads(killed.read_bytes().splitlines()[1])["key"] == "0"
