"""The counts and the table of the audit: literal data sets with the figures they must give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.dataset import RerankDataset

COUNTS = (
    "questions", "groups", "passages", "positives", "negatives", "duplicate_queries", "duplicate_pairs",
    "contradictions", "without_positives", "without_negatives",
)  # fmt: skip


def counts(records: list[dict[str, Any]]) -> tuple[int, ...]:
    audit = RerankDataset.from_records(records).audit()
    return tuple(getattr(audit, name) for name in COUNTS)


def test_a_clean_data_set_has_counts_and_nothing_to_fix() -> None:
    records = [
        {"query": "谁可以申请？", "pos": ["小微企业。"], "neg": ["表格。", "费用。"], "group": "a"},
        {"query": "Which form?", "pos": ["表格。"], "neg": ["费用。"], "group": "b"},
        {"query": "What fee?", "pos": ["费用。", "40 crowns."], "group": "b"},
    ]
    assert counts(records) == (3, 2, 4, 4, 3, 0, 0, 0, 0, 1)
    assert RerankDataset.from_records(records).audit().must_fix == ()


def test_every_fault_is_counted() -> None:
    records: list[dict[str, Any]] = [
        {"query": "a", "pos": ["x", "x"], "neg": ["y", "x"]},
        {"query": "a", "pos": ["x"], "neg": ["y"]},
        {"query": "b", "pos": [], "neg": ["z", "z", "z"]},
    ]
    assert counts(records) == (3, 0, 3, 3, 6, 1, 2 + 1 + 2, 1, 1, 0)


def test_texts_that_differ_in_case_and_punctuation_are_the_same() -> None:
    records = [{"query": "Who pays?", "pos": ["The firm."], "neg": []}, {"query": "who pays", "pos": ["the firm"]}]
    assert counts(records) == (2, 0, 2, 2, 0, 1, 1, 0, 0, 2)


def test_the_same_text_under_two_ids_is_a_duplicate_pair() -> None:
    records = [{"query": "a", "pos": ["x", "x"], "pos_ids": ["1", "2"]}]
    assert RerankDataset.from_records(records).audit().duplicate_pairs == 1


def test_two_queries_over_one_passage_are_no_fault() -> None:
    records = [{"query": "a", "pos": ["x"], "neg": ["y"]}, {"query": "b", "pos": ["y"], "neg": ["x"]}]
    audit = RerankDataset.from_records(records).audit()
    assert (audit.duplicate_queries, audit.duplicate_pairs, audit.contradictions) == (0, 0, 0)


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
    assert ["ratio", "n/a"] in [line.split() for line in str(audit).splitlines()]


def test_the_table_the_dictionary_and_the_file_show_every_figure(tmp_path: Path) -> None:
    audit = RerankDataset.from_records([{"query": "q", "pos": ["p"], "neg": ["a", "b"], "group": "g"}]).audit()
    figures = dict(zip(COUNTS, (1, 1, 3, 1, 2, 0, 0, 0, 0, 0), strict=True))
    audit.save(tmp_path / "audit.json")
    saved = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert saved == json.loads(json.dumps(audit.to_dict()))
    assert {name: saved[name] for name in COUNTS} == figures
    assert saved["ratio"] == 2.0
    table = [line.rsplit(maxsplit=1) for line in str(audit).splitlines()[: len(COUNTS)]]
    assert [[name.strip(), int(value)] for name, value in table] == [
        [name.replace("_", " "), value] for name, value in figures.items()
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


@settings(deadline=None, max_examples=60)
@given(_ROWS)
def test_the_audit_agrees_with_counting_pair_by_pair(rows: list[tuple[str, list[str], list[str]]]) -> None:
    audit = RerankDataset.from_records([{"query": q, "pos": pos, "neg": neg} for q, pos, neg in rows]).audit(
        near_limit=0
    )
    relevant = [(q, text) for q, pos, _ in rows for text in pos]
    irrelevant = [(q, text) for q, _, neg in rows for text in neg]
    repeats = sum(pair in pairs[:at] for pairs in (relevant, irrelevant) for at, pair in enumerate(pairs))
    assert audit.duplicate_pairs == repeats
    assert audit.contradictions == len({pair for pair in relevant if pair in irrelevant})
    assert (audit.positives, audit.negatives) == (len(relevant), len(irrelevant))
    assert audit.without_positives == sum(not pos for _, pos, _ in rows)
