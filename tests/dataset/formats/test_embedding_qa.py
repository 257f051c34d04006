"""``EmbeddingQAFinetuneDataset``: JSON files of it, live objects of it, and the mapping its JSON holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llama_index_rerank_tuner.dataset.formats.embedding_qa import (
    from_embedding_qa,
    is_embedding_qa,
    read_embedding_qa,
    write_embedding_qa,
)
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from tests.dataset.formats.bilingual import CORPUS, EXAMPLES

CONTENT: dict[str, Any] = {
    "queries": {"q1": "谁可以申请？", "q2": 'Which "form"?'},
    "corpus": {"a": "小微企业。", "b": "The form is\tAP-2.\nBy 31 March.", "c": "Fees."},
    "relevant_docs": {"q1": ["a"], "q2": ["b", "c"]},
    "mode": "text",
}


def _file(folder: Path, content: Any) -> Path:
    path = folder / "train.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def _expected(place: str) -> tuple[list[RerankExample], list[Passage]]:
    a, b, c = (Passage(text, node_id=key) for key, text in CONTENT["corpus"].items())
    examples = [
        RerankExample("q1", "谁可以申请？", (replace(a, label=1.0),), where=f"{place} query 'q1'"),
        RerankExample(
            "q2", 'Which "form"?', (replace(b, label=1.0), replace(c, label=1.0)), where=f"{place} query 'q2'"
        ),
    ]
    return examples, [a, b, c]


def test_a_file_gives_its_questions_and_the_whole_corpus(tmp_path: Path) -> None:
    path = _file(tmp_path, CONTENT)
    assert read_embedding_qa(path) == _expected(str(path))
    assert [example.where for example in read_embedding_qa(path)[0]] == [f"{path} query 'q1'", f"{path} query 'q2'"]


def test_a_live_object_and_a_mapping_are_the_same(tmp_path: Path) -> None:
    assert from_embedding_qa(SimpleNamespace(**CONTENT)) == _expected("dataset")
    assert from_embedding_qa(CONTENT) == _expected("dataset")
    assert [example.where for example in from_embedding_qa(CONTENT)[0]] == ["dataset query 'q1'", "dataset query 'q2'"]


def test_a_file_without_mode_and_whole_number_ids_of_a_live_object_are_taken() -> None:
    content = {"queries": {1: "Who?"}, "corpus": {7: "Firms."}, "relevant_docs": {1: [7]}}
    examples, corpus = from_embedding_qa(content)
    assert [(e.query_id, e.qrels) for e in examples] == [("1", {"7": 1})]
    assert corpus == [Passage("Firms.", node_id="7")]


def test_a_question_without_relevant_documents_is_kept_without_positives() -> None:
    examples, _ = from_embedding_qa(CONTENT | {"relevant_docs": {"q1": []}})
    assert [(example.query_id, example.positives) for example in examples] == [("q1", ()), ("q2", ())]


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    write_embedding_qa(EXAMPLES, CORPUS, first)
    examples, corpus = read_embedding_qa(first)
    assert corpus == CORPUS
    assert examples == [
        replace(e, positives=tuple(replace(p, label=1.0) for p in e.positives), negatives=()) for e in EXAMPLES
    ]
    write_embedding_qa(examples, corpus, second)
    assert read_embedding_qa(second) == (examples, corpus)


def test_a_file_holds_what_llama_index_writes_in_any_platforms_encoding(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_embedding_qa(*_expected("x"), path)
    assert json.loads(path.read_bytes()) == CONTENT
    assert path.read_bytes().isascii()


def test_judged_passages_that_the_corpus_lacks_are_added(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_embedding_qa(EXAMPLES, (), path)
    assert {passage.node_id for passage in read_embedding_qa(path)[1]} == {"zh-1", "zh-2", "en/1", "en/2"}


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        ("[]", "", "a list, not an object"),
        ("7", "", "a int, not an object"),
        ('{"queries": {},\n "corpus"', " line 2", "not valid JSON"),
        ("", " line 1", "not valid JSON"),
        ("[" * 100_000, "", "not valid JSON"),
        ("9" * 5_000, "", "not valid JSON"),
        ({}, "", 'the key "queries" is missing'),
        ({"queries": {}, "corpus": {}}, "", 'the key "relevant_docs" is missing'),
        (CONTENT | {"corpus": ["a"]}, "", '"corpus" is a list'),
        (CONTENT | {"mode": "image"}, "", "\"mode\" is 'image'"),
        (CONTENT | {"relevant_docs": {"q1": ["a", "z"]}}, " query 'q1'", "passage 'z' is not in \"corpus\""),
        (CONTENT | {"relevant_docs": {"q9": ["a"]}}, " query 'q9'", 'it is not in "queries"'),
        (CONTENT | {"relevant_docs": {"q1": "a"}}, " query 'q1'", '"relevant_docs" holds a str'),
        (CONTENT | {"relevant_docs": {"q1": None}}, " query 'q1'", '"relevant_docs" holds a NoneType'),
        (CONTENT | {"relevant_docs": {"q1": [["a"]]}}, " query 'q1'", "\"id\" is ['a']"),
        (CONTENT | {"relevant_docs": {"q1": [True]}}, " query 'q1'", '"id" is True'),
        (CONTENT | {"corpus": {"a": " "}}, ' "corpus"', "\"a\" is ' '"),
        (CONTENT | {"queries": {"q1": 7}, "relevant_docs": {}}, ' "queries"', '"q1" is 7'),
        (CONTENT | {"queries": {"q1": "\ud800"}, "relevant_docs": {}}, ' "queries"', '"q1" holds half a character'),
        ('{"queries": {"q1": "a", "q1": "b"}}', "", "the key 'q1' stands twice"),
        ('{"queries": {}, "queries": {}}', "", "the key 'queries' stands twice"),
    ],
)
def test_what_cannot_be_used_is_named_by_its_place(tmp_path: Path, content: Any, place: str, problem: str) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(DataError) as raised:
        read_embedding_qa(path)
    assert raised.value.where == f"{path}{place}"
    assert problem in raised.value.problem
    assert raised.value.fix != ""


def test_a_missing_file_and_another_encoding_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_embedding_qa(tmp_path / "none.json")
    path = tmp_path / "gbk.json"
    path.write_bytes(json.dumps(CONTENT, ensure_ascii=False).encode("gbk"))
    with pytest.raises(DataError, match=r"not UTF-8.*GB"):
        read_embedding_qa(path)


@pytest.mark.parametrize("missing", ["queries", "corpus", "relevant_docs"])
def test_only_an_object_or_a_mapping_with_all_tables_is_one(missing: str) -> None:
    part = {key: value for key, value in CONTENT.items() if key != missing}
    assert is_embedding_qa(CONTENT)
    assert is_embedding_qa(SimpleNamespace(**CONTENT))
    assert not is_embedding_qa(part)
    assert not is_embedding_qa(SimpleNamespace(**part))
    with pytest.raises(DataError, match=f'the key "{missing}" is missing'):
        from_embedding_qa(SimpleNamespace(**part))


def test_a_passage_without_an_id_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the passage 'p' has no id\. .*RerankDataset\.build"):
        write_embedding_qa([RerankExample("q", "q", (Passage("p"),))], (), tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []
