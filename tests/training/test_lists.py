"""How examples become the rows of a loss."""

from __future__ import annotations

import pytest

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.fitting import lists_per_step
from llama_index_rerank_tuner.training.lists import imitation_rows, labelled_rows

EXAMPLE = RerankExample(
    "q", "who may apply", positives=(Passage("firms"), Passage("shops")), negatives=(Passage("form"), Passage("fee"))
)
BARE = RerankExample("r", "what fee", positives=(Passage("ten"),))


def test_each_positive_makes_a_list_with_all_negatives() -> None:
    made = labelled_rows([EXAMPLE], TextContract(), "auto")
    assert (made.loss, made.pairs, made.left_out) == ("listwise", 6, 0)
    assert made.rows == [
        {"query": "who may apply", "docs": ["firms", "form", "fee"], "label": [10.0, 0.0, 0.0]},
        {"query": "who may apply", "docs": ["shops", "form", "fee"], "label": [10.0, 0.0, 0.0]},
    ]


def test_the_columns_stand_in_the_order_that_is_their_meaning() -> None:
    assert list(labelled_rows([EXAMPLE], TextContract(), "bce").rows[0]) == ["query", "passage", "label"]


def test_questions_without_negatives_are_left_out_of_lists_and_counted() -> None:
    made = labelled_rows([EXAMPLE, BARE], TextContract(), "listwise")
    assert (len(made.rows), made.left_out) == (2, 1)


def test_few_negatives_choose_binary_cross_entropy() -> None:
    made = labelled_rows([EXAMPLE, BARE, BARE], TextContract(), "auto")
    assert made.loss == "bce"
    assert [row["label"] for row in made.rows] == [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]


def test_no_negative_at_all_says_to_mine() -> None:
    with pytest.raises(DataError, match=r"no query has a negative.*HardNegativeDatasetGenerator"):
        labelled_rows([BARE], TextContract(), "auto")


def test_templates_are_applied_once() -> None:
    contract = TextContract(query_template="q: {query}", passage_template="p: {passage}")
    row = labelled_rows([EXAMPLE], contract, "auto").rows[0]
    assert (row["query"], row["docs"][0]) == ("q: who may apply", "p: firms")


def test_imitation_takes_the_teacher_scores_as_labels() -> None:
    candidates = (Passage("firms", teacher_score=9.5), Passage("form", teacher_score=0.0))
    made = imitation_rows([RerankExample("i", "who", candidates=candidates)], TextContract())
    assert made.rows == [{"query": "who", "docs": ["firms", "form"], "label": [9.5, 0.0]}]


def test_a_list_without_teacher_scores_is_no_imitation_list() -> None:
    with pytest.raises(DataError, match="not an imitation list"):
        imitation_rows([RerankExample("i", "who", candidates=(Passage("a"), Passage("b")))], TextContract())


@pytest.mark.parametrize(("batch_size", "lists"), [(16, 5), (3, 1), (1, 1), (30, 10)])
def test_a_step_takes_whole_lists(batch_size: int, lists: int) -> None:
    assert lists_per_step(labelled_rows([EXAMPLE], TextContract(), "listwise"), batch_size) == lists
