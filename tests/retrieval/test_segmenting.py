"""Cutting many texts: once each, in processes, from the disk; always as ``segment`` cuts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jieba
import pytest

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.retrieval import segmentation, segmenting
from llama_index_rerank_tuner.retrieval.segmentation import segment
from llama_index_rerank_tuner.retrieval.segmenting import segment_all

TEXTS = [
    "研发费用加计扣除如何申报",
    "tax form R-4",
    "",
    "研发费用加计扣除如何申报",
    "税\ud800。",
    "？",
    "企业R&D费用",
    "tax form R-4",
]
TERMS = [segment(text) for text in TEXTS]


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were cut in this process, as they are cut."""
    seen: list[str] = []

    def counting(text: str) -> list[str]:
        seen.append(text)
        return segment(text)

    monkeypatch.setattr(segmenting, "segment", counting)
    return seen


@pytest.fixture
def own_word() -> Iterator[str]:
    """A word that only the user's dictionary has."""
    word = "除如何申"
    jieba.add_word(word, 10**6)
    yield word
    jieba.del_word(word)
    jieba.dt.FREQ.pop(word)


def test_each_different_text_is_cut_once_and_order_stays(cut: list[str]) -> None:
    assert list(segment_all(TEXTS)) == TERMS
    assert cut == list(dict.fromkeys(TEXTS))


def test_processes_cut_as_this_one_does(monkeypatch: pytest.MonkeyPatch, cut: list[str]) -> None:
    monkeypatch.setattr(segmenting, "_CHUNK_CHARACTERS", 10)
    assert list(segment_all(TEXTS, processes=2)) == TERMS
    assert cut == []


def test_processes_know_the_words_that_the_user_added(own_word: str) -> None:
    (terms,) = segment_all(["研发费用加计扣除如何申报"], processes=2)
    assert own_word in terms


def test_a_script_without_a_main_guard_may_use_processes(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "print('started')\n"
        "from llama_index_rerank_tuner.retrieval.segmenting import segment_all\n"
        "print(ascii(list(segment_all(['\\u8d39\\u7528', 'a b'], processes=2))))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.splitlines() == ["started", ascii([["费用"], ["a", "b"]])]


@pytest.mark.parametrize("executable", ["/no/such/program", "false"])
def test_where_no_process_lives_the_work_is_done_here(
    executable: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    assert list(segment_all(TEXTS, processes=2)) == TERMS
    assert "its share is cut in this one" in caplog.text


def test_little_chinese_and_no_chinese_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/program")
    assert segmenting._worth(["费用" * 100, "word " * 10**6]) == 1


@pytest.mark.parametrize(("cores", "million", "processes"), [(8, 1, 2), (8, 3, 6), (4, 30, 4), (1, 30, 1)])
def test_processes_grow_with_the_chinese_text_up_to_the_cores(
    cores: int, million: int, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmenting.os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert segmenting._worth(["费" * 10**6] * million) == processes


def test_a_second_run_cuts_only_what_is_new(tmp_path: Path, cut: list[str]) -> None:
    assert list(segment_all(TEXTS, tmp_path)) == TERMS
    cut.clear()
    assert list(segment_all(["新 text", *TEXTS], tmp_path)) == [["新", "text"], *TERMS]
    assert cut == ["新 text"]


def test_terms_kept_under_another_dictionary_are_not_taken(tmp_path: Path) -> None:
    text = "研发费用加计扣除如何申报"
    before = list(segment_all([text], tmp_path))
    jieba.add_word("除如何申", 10**6)
    try:
        assert list(segment_all([text], tmp_path)) == [segment(text)] != before
    finally:
        jieba.del_word("除如何申")
        jieba.dt.FREQ.pop("除如何申")


def test_a_damaged_cache_names_its_file_and_the_way_out(tmp_path: Path) -> None:
    list(segment_all(["税"], tmp_path))
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(DataError, match=r"terms-.*\.sqlite.*delete the file"):
        list(segment_all(["税"], tmp_path))


@pytest.mark.parametrize("processes", [0, -2])
def test_processes_that_are_not_positive_are_refused(processes: int) -> None:
    with pytest.raises(ConfigError, match=f"positive integer or None, got {processes}"):
        segment_all([], processes=processes)


def test_the_dictionary_reads_the_same_every_time() -> None:
    assert segmentation.dictionary() == segmentation.dictionary()
