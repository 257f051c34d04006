"""The audit: literal data sets with the counts they must give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.dataset import Audit, RerankDataset


def test_a_clean_data_set_has_counts_and_no_fault() -> None:
    records = [
        {"query": "谁可以申请？", "pos": ["小微企业。"], "neg": ["表格。", "费用。"], "group": "a"},
        {"query": "Which form?", "pos": ["表格。"], "neg": ["费用。"], "group": "b"},
        {"query": "What fee?", "pos": ["费用。", "40 crowns."], "group": "b"},
    ]
    assert RerankDataset.from_records(records).audit() == Audit(
        questions=3,
        groups=2,
        passages=4,
        positives=4,
        negatives=3,
        duplicate_queries=0,
        duplicate_pairs=0,
        contradictions=0,
        without_positives=(),
        without_negatives=1,
    )


def test_every_fault_is_counted() -> None:
    records: list[dict[str, Any]] = [
        {"query": "a", "pos": ["x", "x"], "neg": ["y", "x"]},
        {"query": "a", "pos": ["x"], "neg": ["y"]},
        {"query": "b", "pos": [], "neg": ["z", "z", "z"]},
    ]
    assert RerankDataset.from_records(records).audit() == Audit(
        questions=3,
        groups=0,
        passages=3,
        positives=3,
        negatives=6,
        duplicate_queries=1,
        duplicate_pairs=2 + 1 + 2,
        contradictions=1,
        without_positives=("dataset record 2",),
        without_negatives=0,
    )


def test_a_contradiction_across_two_questions_of_the_same_text_is_seen() -> None:
    records = [{"query": "a", "pos": ["x"], "neg": ["y"]}, {"query": "a", "pos": ["y"], "neg": ["z"]}]
    assert RerankDataset.from_records(records).audit().contradictions == 1


def test_the_same_text_under_two_ids_is_a_duplicate_pair() -> None:
    records = [{"query": "a", "pos": ["x", "x"], "pos_ids": ["1", "2"]}]
    assert RerankDataset.from_records(records).audit().duplicate_pairs == 1


def test_two_queries_over_one_passage_are_no_fault() -> None:
    records = [{"query": "a", "pos": ["x"], "neg": ["y"]}, {"query": "b", "pos": ["y"], "neg": ["x"]}]
    audit = RerankDataset.from_records(records).audit()
    assert (audit.duplicate_queries, audit.duplicate_pairs, audit.contradictions) == (0, 0, 0)


def test_questions_without_a_positive_are_named_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    rows = [{"query": q, "passage": "p", "score": s} for q, s in (("a", 1), ("b", 0), ("c", 0))]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert RerankDataset.from_triples(path).audit().without_positives == (f"{path} line 2", f"{path} line 3")


@pytest.mark.parametrize(
    ("pos", "neg", "ratio", "shown"),
    [(["p"], ["a", "b", "c"], 3.0, "1 : 3.00"), (["p", "r"], ["a"], 0.5, "1 : 0.50"), (["p"], [], 0.0, "1 : 0.00")],
)
def test_the_ratio_is_negatives_for_one_positive(pos: list[str], neg: list[str], ratio: float, shown: str) -> None:
    audit = RerankDataset.from_records([{"query": "q", "pos": pos, "neg": neg}]).audit()
    assert audit.ratio == ratio
    assert shown in str(audit)


def test_without_a_positive_there_is_no_ratio() -> None:
    audit = RerankDataset.from_records([{"query": "q", "pos": [], "neg": ["a"]}]).audit()
    assert audit.ratio is None
    assert str(audit).splitlines()[-1].split() == ["ratio", "n/a"]


def test_the_table_and_the_dictionary_show_every_figure() -> None:
    audit = RerankDataset.from_records([{"query": "q", "pos": ["p"], "neg": ["a", "b"], "group": "g"}]).audit()
    figures = audit.to_dict()
    assert json.loads(json.dumps(figures)) == {
        "questions": 1,
        "groups": 1,
        "passages": 3,
        "positives": 1,
        "negatives": 2,
        "duplicate_queries": 0,
        "duplicate_pairs": 0,
        "contradictions": 0,
        "without_positives": 0,
        "without_negatives": 0,
        "ratio": 2.0,
    }
    table = [line.rsplit(maxsplit=1) for line in str(audit).splitlines()[:-1]]
    assert [[name.strip(), int(value)] for name, value in table] == [
        [name.replace("_", " "), value] for name, value in figures.items() if name != "ratio"
    ]


_ROWS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.lists(st.sampled_from("xyz"), max_size=3),
        st.lists(st.sampled_from("xyz"), max_size=3),
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None)
@given(_ROWS)
def test_the_audit_agrees_with_counting_pair_by_pair(rows: list[tuple[str, list[str], list[str]]]) -> None:
    audit = RerankDataset.from_records([{"query": q, "pos": pos, "neg": neg} for q, pos, neg in rows]).audit()
    relevant = [(q, text) for q, pos, _ in rows for text in pos]
    irrelevant = [(q, text) for q, _, neg in rows for text in neg]
    repeats = sum(pair in pairs[:at] for pairs in (relevant, irrelevant) for at, pair in enumerate(pairs))
    assert audit.duplicate_pairs == repeats
    assert audit.contradictions == len({pair for pair in relevant if pair in irrelevant})
    assert (audit.positives, audit.negatives) == (len(relevant), len(irrelevant))
    assert len(audit.without_positives) == sum(not pos for _, pos, _ in rows)
