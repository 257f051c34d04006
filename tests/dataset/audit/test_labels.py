"""Faults of the labels: literal records, with the records that a finding must name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.audit import Finding, RecordLink


def finding(records: list[dict[str, Any]], kind: str) -> Finding | None:
    return RerankDataset.from_records(records).audit().finding(kind)


def test_questions_without_a_positive_are_named_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    rows = [{"query": q, "passage": "p", "score": s} for q, s in (("a", 1), ("b", 0), ("c", 0))]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = RerankDataset.from_triples(path).audit().finding("no positive")
    assert found is not None
    assert (found.severity, found.count) == ("must fix", 2)
    assert [(link.place, link.passage_id) for link in found.records] == [
        (f"{path} line 2", None),
        (f"{path} line 3", None),
    ]


def test_a_contradiction_names_the_negative_and_where_it_is_relevant() -> None:
    records = [
        {"query_id": "1", "query": "谁可以申请？", "pos": ["小微企业可以申请。"], "group": "a"},
        {
            "query_id": "2",
            "query": "谁可以申请",
            "pos": ["大学。"],
            "neg": ["小微企业可以申请"],
            "neg_ids": ["n"],
            "group": "b",
        },
    ]
    assert finding(records, "contradiction") == Finding(
        "contradiction",
        "must fix",
        "Negatives that are also marked relevant for the same question: 1.",
        1,
        (RecordLink("dataset record 1", "2", "n", "relevant in dataset record 0"),),
    )


def test_a_pair_that_stands_twice_is_named_once_for_each_copy_too_many() -> None:
    records = [{"query": "q", "pos": ["x", "x"], "neg": ["y", "Y.", "y"], "neg_ids": ["1", "2", "1"]}]
    found = finding(records, "repeated pair")
    assert found is not None
    assert [link.other for link in found.records] == ["relevant twice", "irrelevant twice", "irrelevant twice"]
    assert [link.passage_id for link in found.records][1:] == ["2", "1"]


def test_a_positive_under_two_ids_is_not_a_repeated_pair_but_a_duplicate_passage() -> None:
    records = [{"query": "q", "pos": ["text", "text"], "pos_ids": ["1", "2"]}]
    assert finding(records, "repeated pair") is None
    found = finding(records, "duplicate passage")
    assert found is not None
    assert found.records == (RecordLink("corpus", None, "2", "the same text as '1'"),)


def test_the_same_question_of_one_document_is_repeated_and_of_two_is_generic() -> None:
    records = [
        {"query": "What is measured?", "pos": ["Wind."], "group": "a"},
        {"query": "what is measured", "pos": ["Rain."], "group": "a"},
        {"query": "What is measured?", "pos": ["Snow."], "group": "b"},
    ]
    repeated, generic = finding(records, "repeated question"), finding(records, "question of several documents")
    assert repeated is not None
    assert (repeated.severity, [link.place for link in repeated.records]) == ("must fix", ["dataset record 1"])
    assert generic is not None
    assert (generic.severity, [link.place for link in generic.records]) == ("should look", ["dataset record 2"])
    assert generic.records[0].other == "'What is measured?' is asked of 'a' in dataset record 0"


def test_questions_without_negatives_are_a_note() -> None:
    records = [{"query": "a", "pos": ["x"], "neg": ["y"]}, {"query": "b", "pos": ["y"]}]
    found = finding(records, "no negative")
    assert found is not None
    assert (found.severity, found.count, found.records[0].query_id) == ("note", 1, "q1")


def test_a_finding_names_as_many_records_as_asked_and_counts_all() -> None:
    records = [{"query": f"q{i}", "pos": []} for i in range(30)]
    found = RerankDataset.from_records(records).audit(records=4).finding("no positive")
    assert found is not None
    assert (found.count, len(found.records)) == (30, 4)
