"""Files that are not UTF-8 text: what they are is named, with the command that converts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama_index_rerank_tuner.dataset.files.encoding import decoded_lines, looks_chinese, read_text
from llama_index_rerank_tuner.errors import DataError

CHINESE = '{"query": "谁可以申请？", "passage": "小微企业可以申请。", "score": 1}\n'


def _file(folder: Path, content: bytes, name: str = "train.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_lines_keep_their_ends_and_only_a_line_feed_ends_one(tmp_path: Path) -> None:
    path = _file(tmp_path, "\ufeff谁\r\nb\rc\u2028d\n\ne".encode())
    assert list(decoded_lines(path)) == ["谁\r\n", "b\rc\u2028d\n", "\n", "e"]
    assert read_text(path) == "谁\r\nb\rc\u2028d\n\ne"


@pytest.mark.parametrize(
    ("encoding", "named", "command"),
    [
        ("gbk", "byte 13 cannot be read): it looks like GBK or GB18030", "iconv -f GB18030 -t UTF-8 train.jsonl > "),
        ("gb18030", "it looks like GBK or GB18030", "iconv -f GB18030 -t UTF-8 train.jsonl > train.utf8.jsonl"),
        ("utf-16", "it looks like UTF-16", "iconv -f UTF-16 -t UTF-8 train.jsonl > train.utf8.jsonl"),
        ("utf-16-le", "it looks like UTF-16LE", "iconv -f UTF-16LE -t UTF-8"),
        ("utf-16-be", "it looks like UTF-16BE", "iconv -f UTF-16BE -t UTF-8"),
        ("utf-32", "it looks like UTF-32", "iconv -f UTF-32 -t UTF-8"),
    ],
)
def test_another_encoding_is_named_with_the_command(tmp_path: Path, encoding: str, named: str, command: str) -> None:
    path = _file(tmp_path, CHINESE.encode(encoding))
    with pytest.raises(DataError) as raised:
        read_text(path)
    assert raised.value.where == str(path)
    assert named in raised.value.problem
    assert command in raised.value.fix


def test_the_first_bad_byte_is_counted_from_the_start_of_the_file(tmp_path: Path) -> None:
    path = _file(tmp_path, b"\xef\xbb\xbf12\n4\xff6\n")
    with pytest.raises(DataError, match=r"not UTF-8 \(byte 7 cannot be read\)\. Convert it from its encoding"):
        read_text(path)


@pytest.mark.parametrize(
    ("text", "encoding", "chinese"),
    [
        ("谁可以申请这项补贴？", "gbk", True),
        ("Who may apply? 小微企业。", "gb2312", True),
        ("Müller", "latin-1", False),
        ("déjà vu à la carte où", "latin-1", False),
        ("誰可以申請這項補助？", "big5", False),
        ("plain", "ascii", False),
    ],
)
def test_chinese_is_told_from_other_encodings(text: str, encoding: str, chinese: bool) -> None:
    assert looks_chinese(text.encode(encoding)) is chinese


@pytest.mark.parametrize(
    ("head", "problem", "fix"),
    [
        (b"PK\x03\x04rest", "an Excel workbook or another zip archive", "save the table as CSV UTF-8"),
        (b"\x1f\x8b\x08rest", "compressed with gzip", "gunzip"),
        (b"PAR1rest", "a Parquet file", "Convert it to JSONL."),
        (b"\xd0\xcf\x11\xe0" + bytes(40), "an old Excel workbook or another Office file", "as CSV UTF-8"),
        (b"%PDF-1.4", "a PDF document", "labelled questions"),
    ],
)
def test_a_file_that_is_no_text_is_named(tmp_path: Path, head: bytes, problem: str, fix: str) -> None:
    path = _file(tmp_path, head, "sheet.csv")
    with pytest.raises(DataError) as raised:
        read_text(path)
    assert (raised.value.where, raised.value.problem) == (str(path), f"it is {problem}")
    assert fix in raised.value.fix


def test_a_table_in_another_encoding_can_be_saved_again_from_excel(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        read_text(_file(tmp_path, CHINESE.encode("gbk"), "train.csv"))
    assert raised.value.fix.startswith("Save it from Excel as CSV UTF-8, or convert it with: iconv -f GB18030")
