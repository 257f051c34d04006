"""Which passages of a step a query borrows for negatives."""

from __future__ import annotations

import math

import pytest
import torch

from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.losses import build_loss
from llama_index_rerank_tuner.training.losses.lists import TrainingRows, labelled_rows
from llama_index_rerank_tuner.training.losses.multiple_negatives import MultipleNegativesLoss
from tests.training.losses.lookup import LookUp


def loss_of(training: TrainingRows) -> MultipleNegativesLoss:
    model = LookUp([0.0, math.log(3), math.log(4), 0.0])
    made = build_loss(model, training, 3)  # type: ignore[arg-type]
    assert isinstance(made, MultipleNegativesLoss)
    return made


def rows(*lists: tuple[str, list[str]]) -> TrainingRows:
    made = [{"query": query, "docs": docs, "label": [1.0] + [0.0] * (len(docs) - 1)} for query, docs in lists]
    return TrainingRows("multiple_negatives", made, 0)


def test_it_borrows_the_other_positives_and_not_their_negatives() -> None:
    step = [["fee", "form"], ["rule", "cat"], ["city", "dog"]]
    training = rows(("what fee", step[0]), ("which rule", step[1]), ("which city", step[2]))
    assert loss_of(training).borrowed("what fee", step[0], step) == ["rule", "city"]


def test_it_borrows_no_positive_of_the_query_even_one_outside_the_step() -> None:
    step = [["fee"], ["charge"], ["rule"]]
    training = rows(
        ("what fee", ["fee"]), ("what cost", ["charge"]), ("which rule", ["rule"]), ("what fee", ["charge"])
    )
    assert loss_of(training).borrowed("what fee", step[0], step) == ["rule"]


def test_it_borrows_each_passage_once_and_none_it_has() -> None:
    step = [["fee", "rule"], ["rule"], ["city"], ["city"]]
    training = rows(("a", step[0]), ("b", step[1]), ("c", step[2]), ("d", step[3]))
    assert loss_of(training).borrowed("a", step[0], step) == ["city"]


def test_two_positives_of_one_query_in_a_step_are_no_negatives_of_each_other() -> None:
    step = [["fee"], ["charge"]]
    assert loss_of(rows(("a", step[0]), ("a", step[1]))).borrowed("a", step[0], step) == []


def test_its_value_is_cross_entropy_over_the_grown_lists() -> None:
    # Scores: "0" 0, "1" ln 3, "2" ln 4, "3" 0. List a: 0 against 2 and borrowed 1; list b: 1 against borrowed 0.
    training = rows(("a", ["0", "2"]), ("b", ["1"]))
    value = loss_of(training)([["a", "b"], [["0", "2"], ["1"]]], [torch.tensor([1.0, 0.0]), torch.tensor([1.0])])
    assert value.item() == pytest.approx((math.log(8) + math.log(4 / 3)) / 2)


def test_questions_without_negatives_are_rows_of_their_own() -> None:
    examples = [
        RerankExample("a", "what fee", positives=(Passage("ten"),)),
        RerankExample("b", "which rule", positives=(Passage("two"),)),
    ]
    made = labelled_rows(examples, TextContract(), "multiple_negatives")
    assert [row["docs"] for row in made.rows] == [["ten"], ["two"]]
    assert made.left_out == 0
