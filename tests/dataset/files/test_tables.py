"""CSV and TSV as records: quoted cells over several lines, and faults named by the line they stand on."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama_index_rerank_tuner.dataset.files.lines import read_records
from llama_index_rerank_tuner.errors import DataError


def _file(folder: Path, content: str, name: str = "train.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


def test_rows_are_records_with_the_line_they_begin_on(tmp_path: Path) -> None:
    content = 'Query, passage \r\n"say ""hi"", then\nleave",谁🙂\r\n,\r\n\r\nb,\r\n'
    path = _file(tmp_path, "\ufeff" + content)
    assert list(read_records(path)) == [
        (f"{path} line 2", {"query": 'say "hi", then\nleave', "passage": "谁🙂"}),
        (f"{path} line 6", {"query": "b", "passage": None}),
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.tsv", "a\tb\n1,5\t2;5\n"),
        ("train.csv", 'a;b\n1,5;"2;5"\n'),
        ("T.CSV", 'a,b\n"1,5",2;5'),
        ("tabs.csv", "a\tb\n1,5\t2;5\n"),
    ],
)
def test_the_separator_follows_the_name_and_the_header(tmp_path: Path, name: str, content: str) -> None:
    assert [record for _, record in read_records(_file(tmp_path, content, name))] == [{"a": "1,5", "b": "2;5"}]


def test_a_cell_longer_than_the_csv_module_allows_by_itself_is_read(tmp_path: Path) -> None:
    long = "长" * 200_000
    assert [record for _, record in read_records(_file(tmp_path, f"a,b\n{long},1\n"))] == [{"a": long, "b": "1"}]


@pytest.mark.parametrize(
    ("content", "line", "problem", "fix"),
    [
        ("a,b\n1,2\n\n3\n", 4, "1 cells where the header has 2", "as many cells as the header"),
        ('a,b\n"1\n2",3\n4,5,6\n', 4, "3 cells where the header has 2", "quote cells that hold the separator"),
        ('a,b\n1,2\n3,"4\n5\n', 3, "not a row of a table (unexpected end of data)", "Close every quote"),
        ('a,b\n"1"2,3\n', 2, "not a row of a table", "double the quotes inside a quoted cell"),
        ("a,b\r1,2\r", 1, "not a row of a table", "end lines with LF or CRLF"),
        ("a,,b\n1,2,3\n", 1, "column 2 has no name", "Name it in the first row"),
        ("a,b,A\n1,2,3\n", 1, "the column 'a' stands twice", "Keep one of them."),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_its_fix(
    tmp_path: Path, content: str, line: int, problem: str, fix: str
) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(DataError) as raised:
        list(read_records(path))
    assert raised.value.where == f"{path} line {line}"
    assert problem in raised.value.problem
    assert fix in raised.value.fix


@pytest.mark.parametrize("content", ["", "\n", "a,b\n", "a,b\n,\n"])
def test_a_table_without_a_row_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="it holds no record"):
        list(read_records(_file(tmp_path, content)))
