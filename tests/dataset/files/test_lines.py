"""Records from JSONL and JSON lists: what is no JSON is named by its line and its place in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama_index_rerank_tuner.dataset.files.lines import read_records
from llama_index_rerank_tuner.errors import DataError


@pytest.mark.parametrize(
    ("name", "content", "place", "problem"),
    [
        ("a.jsonl", '{"a": 1}\n{"a": 2},\n', "line 2", "not valid JSON (Extra data at character 9)"),
        ("a.json", '[{"a": 1}, ]', "record 2", "not valid JSON (Expecting value)"),
    ],
)
def test_what_is_no_json_is_named_by_its_place_in_the_file(
    tmp_path: Path, name: str, content: str, place: str, problem: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as raised:
        list(read_records(path))
    assert (raised.value.where, raised.value.problem) == (f"{path} {place}", problem)
