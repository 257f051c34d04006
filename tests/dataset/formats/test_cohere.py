"""Cohere's rerank JSONL: ``query``, ``relevant_passages`` and ``hard_negatives``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llama_index_rerank_tuner.dataset.formats.cohere import read_cohere, write_cohere
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from tests.dataset.formats.bilingual import EXAMPLES

GOOD = {"query": "谁可以申请？", "relevant_passages": ["小微企业。", "Small firms."], "hard_negatives": ["AP-2."]}


def _file(folder: Path, *records: Any) -> Path:
    path = folder / "train.jsonl"
    lines = (record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_each_line_is_a_question(tmp_path: Path) -> None:
    bare = {"query": "Which form?", "relevant_passages": ["AP-2."]}
    path = _file(tmp_path, GOOD, bare, bare | {"hard_negatives": None})
    examples = read_cohere(path)
    assert examples == [
        RerankExample(
            "q0",
            "谁可以申请？",
            positives=(Passage("小微企业。", label=1.0), Passage("Small firms.", label=1.0)),
            negatives=(Passage("AP-2.", label=0.0),),
        ),
        RerankExample("q1", "Which form?", positives=(Passage("AP-2.", label=1.0),)),
        RerankExample("q2", "Which form?", positives=(Passage("AP-2.", label=1.0),)),
    ]
    assert [example.where for example in examples] == [f"{path} line {line}" for line in (1, 2, 3)]


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    write_cohere(EXAMPLES, first)
    examples = read_cohere(first)
    assert [(e.query, [p.text for p in e.positives], [p.text for p in e.negatives]) for e in examples] == [
        (e.query, [p.text for p in e.positives], [p.text for p in e.negatives]) for e in EXAMPLES
    ]
    write_cohere(examples, second)
    assert read_cohere(second) == examples
    assert second.read_bytes() == first.read_bytes()


def test_a_line_holds_coheres_three_keys(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write_cohere(read_cohere(_file(tmp_path, GOOD, {"query": "q", "relevant_passages": ["p\n\tp"]})), path)
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == [
        GOOD,
        {"query": "q", "relevant_passages": ["p\n\tp"], "hard_negatives": []},
    ]


def test_a_question_without_a_positive_is_read_for_the_audit_and_not_written(tmp_path: Path) -> None:
    (example,) = read_cohere(_file(tmp_path, GOOD | {"relevant_passages": []}))
    assert example.positives == ()
    with pytest.raises(DataError, match=r"line 1: the query has no positive passage\. Cohere needs one"):
        write_cohere([EXAMPLES[0], example], tmp_path / "out.jsonl")
    with pytest.raises(DataError, match="no positive passage"):
        write_cohere([replace(EXAMPLES[0], positives=())], tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["train.jsonl"]


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ("{", "not valid JSON"),
        ("[1]", "a int, not an object"),
        ({"relevant_passages": ["p"]}, 'the key "query" is missing'),
        ({"query": "q"}, 'the key "relevant_passages" is missing'),
        (GOOD | {"query": " "}, "\"query\" is ' '"),
        (GOOD | {"relevant_passages": "p"}, '"relevant_passages" is a str'),
        (GOOD | {"relevant_passages": None}, '"relevant_passages" is a NoneType'),
        (GOOD | {"relevant_passages": ["p", 7]}, '"relevant_passages" is 7'),
        (GOOD | {"hard_negatives": {"a": 1}}, '"hard_negatives" is a dict'),
        (GOOD | {"hard_negatives": [""]}, "\"hard_negatives\" is ''"),
        (GOOD | {"hard_negatives": [None]}, '"hard_negatives" is None'),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, record: Any, problem: str) -> None:
    records = [record] if record == "[1]" else [GOOD, record]
    path = _file(tmp_path, *records)
    with pytest.raises(DataError) as raised:
        read_cohere(path)
    assert raised.value.where in (f"{path} line 2", f"{path} record 1")
    assert problem in raised.value.problem
    assert raised.value.fix != ""
