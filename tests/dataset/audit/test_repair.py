"""Repair: what is dropped, moved and relabelled, and that repairing twice changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import DataError

RULE = "The fee for a fishing permit in the northern lakes is forty crowns a year, to be paid at the harbour office."


def repaired(records: list[dict[str, Any]]) -> tuple[list[tuple[str, list[str], list[str]]], list[str]]:
    dataset, report = RerankDataset.from_records(records).repair()
    rows = [(e.query_id, [p.text for p in e.positives], [p.text for p in e.negatives]) for e in dataset]
    return rows, [str(change) for change in report.changes]


def test_a_clean_data_set_stays_as_it_is() -> None:
    dataset = RerankDataset.from_records([{"query": "谁可以申请？", "pos": ["小微企业。"], "neg": ["表格。"]}])
    same, report = dataset.repair()
    assert same == dataset
    assert str(report) == "Nothing had to be repaired."


def test_repeated_pairs_are_dropped_and_the_highest_grade_stays() -> None:
    record = {
        "query_id": "1", "query": "q", "pos": ["x", "x"], "pos_ids": ["p", "p"], "pos_labels": [1, 2],
        "neg": ["y", "Y!"], "neg_ids": ["n", "m"],
    }  # fmt: skip
    dataset, report = RerankDataset.from_records([record]).repair()
    assert [(p.key, p.label) for p in dataset[0].positives] == [("p", 2.0)]
    assert [p.key for p in dataset[0].negatives] == ["n"]
    assert [str(change) for change in report.changes] == [
        "dropped passage 'p' (dataset record 0): relevant twice",
        "relabelled passage 'p' (dataset record 0): to its highest grade, 2",
        "dropped passage 'm' (dataset record 0): irrelevant twice",
    ]


def test_a_positive_under_two_ids_keeps_both() -> None:
    rows, changes = repaired([{"query_id": "1", "query": "q", "pos": ["x", "x"], "pos_ids": ["1", "2"]}])
    assert (rows, changes) == ([("1", ["x", "x"], [])], [])


def test_one_question_of_one_document_is_merged_and_its_new_contradiction_settled() -> None:
    rows, changes = repaired(
        [
            {"query_id": "1", "query": "Who pays?", "pos": ["a"], "neg": ["b"], "neg_ids": ["B"], "group": "g"},
            {"query_id": "2", "query": "who pays", "pos": ["b"], "pos_ids": ["B"], "neg": ["c"],
             "neg_ids": ["C"], "group": "g"},
        ]
    )  # fmt: skip
    assert rows == [("1", ["a", "b"], ["c"])]
    assert changes == [
        "dropped query '2' (dataset record 1): the same question as '1'",
        "moved passage 'B' (dataset record 1): to '1', the same question as '1'",
        "moved passage 'C' (dataset record 1): to '1', the same question as '1'",
        "dropped passage 'B' (dataset record 0): also marked relevant for the question",
    ]


def test_the_same_words_asked_of_two_documents_stay_two_questions() -> None:
    rows, changes = repaired(
        [
            {"query_id": "1", "query": "q", "pos": ["a"], "neg": ["b"], "neg_ids": ["B"], "group": "g"},
            {"query_id": "2", "query": "q", "pos": ["b"], "pos_ids": ["B"], "group": "h"},
        ]
    )
    assert rows == [("1", ["a"], []), ("2", ["b"], [])]
    assert changes == ["dropped passage 'B' (dataset record 0): also marked relevant for the question"]


def test_a_negative_that_nearly_equals_a_positive_is_dropped() -> None:
    negative = f"{RULE} Permits are sold from March until October by the wardens of every lake in the whole district."
    positive = negative.replace("wardens", "keepers")
    rows, changes = repaired([{"query_id": "1", "query": "Fee?", "pos": [positive], "neg": [negative, "z"]}])
    assert rows == [("1", [positive], ["z"])]
    assert len(changes) == 1
    assert changes[0].endswith("nearly word for word a positive of the question")


def test_questions_without_a_positive_are_dropped_and_all_of_them_are_an_error() -> None:
    rows, changes = repaired(
        [{"query_id": "1", "query": "q", "pos": ["a"]}, {"query_id": "2", "query": "r", "pos": []}]
    )
    assert rows == [("1", ["a"], [])]
    assert changes == ["dropped query '2' (dataset record 1): it has no positive"]
    with pytest.raises(DataError, match="no question has a positive passage"):
        RerankDataset.from_records([{"query": "q", "pos": [], "neg": ["n"]}]).repair()


def test_the_report_counts_and_is_saved(tmp_path: Path) -> None:
    _, report = RerankDataset.from_records([{"query": "q", "pos": ["a", "a", "a"]}]).repair()
    report.save(tmp_path / "changes.json")
    saved = json.loads((tmp_path / "changes.json").read_text(encoding="utf-8"))
    assert saved["counts"] == {"dropped: relevant twice": 2}
    assert [change["action"] for change in saved["changes"]] == ["dropped", "dropped"]
    assert "2  dropped: relevant twice" in str(report)


_TEXTS = st.sampled_from(["x", "X.", "y", RULE, f"{RULE} Yes.", RULE.replace("forty", "fifty"), "费用。", "费用"])
_RECORD = st.fixed_dictionaries(
    {
        "query": st.sampled_from(["Who pays?", "who pays", "What fee?", "谁付费？"]),
        "pos": st.lists(_TEXTS, max_size=3),
        "neg": st.lists(_TEXTS, max_size=4),
        "group": st.sampled_from([None, "g", "h"]),
    }
)


@settings(deadline=None, max_examples=60)
@given(st.lists(_RECORD, min_size=1, max_size=5))
def test_after_a_repair_nothing_must_be_fixed_and_a_second_one_changes_nothing(records: list[dict[str, Any]]) -> None:
    dataset = RerankDataset.from_records([*records, {"query": "Anything?", "pos": ["z"]}])
    once, report = dataset.repair()
    assert once.audit(near_limit=0).must_fix == ()
    twice, nothing = once.repair()
    assert (twice, nothing.changes) == (once, ())
    assert bool(report.changes) == bool(dataset.audit(near_limit=0).must_fix)


def test_copies_that_are_one_object_are_listed_too() -> None:
    relevant, irrelevant = ({"query": "q", "passage": text, "score": score} for text, score in (("x", 1), ("y", 0)))
    rows, changes = repaired([relevant, relevant, irrelevant, irrelevant])
    assert rows == [("q0", ["x"], ["y"])]
    assert [change.split(":")[-1] for change in changes] == [" relevant twice", " irrelevant twice"]
