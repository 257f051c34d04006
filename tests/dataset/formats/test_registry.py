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
