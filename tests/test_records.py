"""The plain records: what makes two passages one, and how labels become trec grades."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import DataError, MissingExtraError, RerankTunerError
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved


def test_a_passage_is_known_by_its_id_and_without_one_by_its_text() -> None:
    assert Passage("The fee is 40.", node_id="fee-1").key == "fee-1"
    assert Passage("The fee is 40.").key == "The fee is 40."
    assert Passage("The fee is 40.", node_id="").key == ""


def test_the_four_numbers_of_a_passage_are_kept_apart() -> None:
    passage = Passage("a", label=2.0, teacher_score=-7.5, retrieved={"bm25": Retrieved(rank=3, score=11.2)})
    assert (passage.label, passage.teacher_score) == (2.0, -7.5)
    assert (passage.retrieved["bm25"].rank, passage.retrieved["bm25"].score) == (3, 11.2)


@pytest.mark.parametrize("record", [Passage("a"), RerankExample("q0", "who")])
def test_a_record_cannot_be_changed(record: Passage | RerankExample) -> None:
    field = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, field, "other")


def test_where_an_example_was_read_is_no_part_of_its_identity() -> None:
    read = RerankExample("q0", "who", where="train.jsonl line 4")
    assert read == RerankExample("q0", "who")
    assert read != RerankExample("q1", "who", where="train.jsonl line 4")


def test_an_example_is_found_by_its_line_and_else_by_its_query() -> None:
    assert RerankExample("q0", "who", where="train.jsonl line 4").place == "train.jsonl line 4"
    assert RerankExample("q7", "谁可以申请？" + "长" * 100).place == f"query 'q7' ('谁可以申请？{'长' * 54}')"


def test_grades_are_whole_numbers_and_a_negative_is_zero() -> None:
    example = RerankExample(
        "q0",
        "who",
        positives=(Passage("a", "a", label=3.0), Passage("b", "b", label=1.0), Passage("c", "c")),
        negatives=(Passage("d", "d", label=0.0), Passage("e", "e"), Passage("f", "f", label=-1.0)),
    )
    assert example.qrels == {"a": 3, "b": 1, "c": 1, "d": 0, "e": 0, "f": 0}


def test_a_positive_with_a_label_under_one_still_counts_one() -> None:
    assert RerankExample("q0", "who", positives=(Passage("a", label=0.5),)).qrels == {"a": 1}


def test_a_passage_labelled_both_ways_counts_as_relevant() -> None:
    twice = Passage("a", "a")
    assert RerankExample("q0", "who", positives=(twice,), negatives=(twice,)).qrels == {"a": 1}


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), unique=True), st.data())
def test_every_judged_passage_has_a_grade_and_only_positives_have_one_above_zero(
    ids: list[int], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(ids)))
    label = st.none() | st.floats(0.5, 4)
    positives = tuple(Passage(f"text {each}", str(each), label=data.draw(label)) for each in ids[:cut])
    negatives = tuple(Passage(f"text {each}", str(each), label=0.0) for each in ids[cut:])
    qrels = RerankExample("q0", "who", positives, negatives).qrels
    assert qrels.keys() == {str(each) for each in ids}
    assert {key for key, grade in qrels.items() if grade >= 1} == {passage.key for passage in positives}


def test_a_data_error_says_where_what_and_what_next() -> None:
    error = DataError("train.jsonl line 41", '"score" is "yes"', "Expected a number (1 relevant, 0 not).")
    assert str(error) == 'train.jsonl line 41: "score" is "yes". Expected a number (1 relevant, 0 not).'
    assert (error.where, error.problem) == ("train.jsonl line 41", '"score" is "yes"')
    assert isinstance(error, ValueError)
    assert isinstance(error, RerankTunerError)


def test_a_missing_extra_says_how_to_install_it() -> None:
    error = MissingExtraError("Plots need matplotlib.", "plot")
    assert str(error) == "Plots need matplotlib. Install it with: pip install 'llama-index-rerank-tuner[plot]'"
    assert isinstance(error, ImportError)
