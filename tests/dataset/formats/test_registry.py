"""Formats by name: what is saved is recognised and comes back the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama_index_rerank_tuner import RerankDataset
from llama_index_rerank_tuner.dataset.formats import FORMATS
from llama_index_rerank_tuner.errors import ConfigError, DataError

FILES = {
    "triples": "pairs.jsonl",
    "groups": "groups.jsonl",
    "beir": "beir",
    "msmarco": "msmarco",
    "embedding_qa": "qa.json",
    "cohere": "cohere.jsonl",
    "sheet": "sheet.csv",
}
KEEPS_NEGATIVES = FILES.keys() - {"embedding_qa"}


@pytest.fixture
def dataset() -> RerankDataset:
    return RerankDataset.from_records(
        [
            {"query": "研发费用怎么申报？", "pos": ["在6月30日前提交表格。"], "neg": ["“高新”企业的认定条件。"]},
            {"query": "Who may apply?", "pos": ["Firms with under 50 staff."], "neg": ["The form is AP-2."]},
        ]
    )


def test_every_format_is_tried_here() -> None:
    assert FILES.keys() == FORMATS.keys()


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_saved_is_recognised_and_comes_back(name: str, dataset: RerankDataset, tmp_path: Path) -> None:
    path = tmp_path / FILES[name]
    dataset.save(path, name)
    for found in (RerankDataset.load(path), RerankDataset.load(path, format=name)):
        assert [example.query for example in found] == [example.query for example in dataset]
        for example, expected in zip(found, dataset, strict=True):
            assert {p.text for p in example.positives} == {p.text for p in expected.positives}
            if name in KEEPS_NEGATIVES:
                assert {p.text for p in example.negatives} == {p.text for p in expected.negatives}


def test_an_unknown_format_and_an_unknown_folder_are_refused(dataset: RerankDataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no format 'xml'; there are triples, groups"):
        dataset.save(tmp_path / "x", "xml")
    with pytest.raises(DataError, match="it holds no data set that is known"):
        RerankDataset.load(tmp_path)


PAPER = '{"id": "1", "title": "t", "full_text": {}, "qas": {}}'


@pytest.mark.parametrize(
    ("name", "content", "problem", "fix"),
    [
        ("queries.jsonl", '{"_id": "1", "text": "Who?"}', "one file of a BEIR folder", "Give the folder: {folder}."),
        ("test.tsv", "query-id\tcorpus-id\tscore\n1\t2\t1\n", "one file of a BEIR folder", "Give the folder: "),
        ("papers.json", PAPER, "QASPER's papers", "load_qasper(source='papers.json')"),
        ("papers.jsonl", PAPER, "QASPER's papers", "load_qasper(source='papers.jsonl')"),
        ("train-v0.3.json", f'{{"1911.1": {PAPER}}}', "QASPER's papers", "load_qasper("),
        ("a.json", '{\n"data": []\n}', "one JSON object (it has data)", "Expected a JSON list of records"),
    ],
)
def test_data_that_is_to_be_read_otherwise_is_refused_with_the_way(
    tmp_path: Path, name: str, content: str, problem: str, fix: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as refused:
        RerankDataset.load(path)
    assert refused.value.where == str(path)
    assert problem in refused.value.problem
    assert fix.format(folder=tmp_path) in refused.value.fix


def test_one_record_on_one_line_is_a_data_set(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text('{"query": "Who?", "passage": "Firms.", "score": 1}\n', encoding="utf-8")
    assert [example.query for example in RerankDataset.load(path)] == ["Who?"]


def test_a_beir_folder_without_its_corpus_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "queries.jsonl").write_text('{"_id": "1", "text": "Who?"}', encoding="utf-8")
    with pytest.raises(DataError, match=r"corpus\.jsonl: no such file"):
        RerankDataset.load(tmp_path)
