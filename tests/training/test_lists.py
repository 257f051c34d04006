"""How examples become the rows of a loss."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.losses import LOSSES
from llama_index_rerank_tuner.training.losses.lists import choose_loss, imitation_rows, labelled_rows

EXAMPLE = RerankExample(
    "q", "who may apply", positives=(Passage("firms"), Passage("shops")), negatives=(Passage("form"), Passage("fee"))
)
BARE = RerankExample("r", "what fee", positives=(Passage("ten"),))
GRADED = RerankExample(
    "g",
    "who may apply",
    positives=(Passage("firms", label=3.0), Passage("shops", label=2.0)),
    negatives=(Passage("form", label=0.5), Passage("fee")),
)
SCORED = RerankExample(
    "s",
    "who may apply",
    positives=(Passage("firms", teacher_score=7.5), Passage("shops", teacher_score=3.0)),
    negatives=(Passage("form", teacher_score=-4.0), Passage("fee", teacher_score=0.5)),
)


def labels(example: RerankExample, loss: str) -> list[object]:
    return [row["label"] for row in labelled_rows([example], TextContract(), loss).rows]


def test_each_positive_makes_a_list_with_all_negatives() -> None:
    made = labelled_rows([EXAMPLE], TextContract(), "auto")
    assert (made.loss, made.pairs, made.left_out) == ("listnet", 6, 0)
    assert made.rows == [
        {"query": "who may apply", "docs": ["firms", "form", "fee"], "label": [10.0, 0.0, 0.0]},
        {"query": "who may apply", "docs": ["shops", "form", "fee"], "label": [10.0, 0.0, 0.0]},
    ]


@pytest.mark.parametrize("loss", ["cross_entropy", "multiple_negatives", "lambda", "ranknet"])
def test_other_list_losses_keep_one_and_nought(loss: str) -> None:
    assert labels(EXAMPLE, loss) == [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]


@pytest.mark.parametrize("loss", ["lambda", "ranknet"])
def test_grades_stand_in_one_list(loss: str) -> None:
    (row,) = labelled_rows([GRADED], TextContract(), loss).rows
    assert row["docs"] == ["firms", "shops", "form", "fee"]
    assert row["label"] == [3.0, 2.0, 0.5, 0.0]


def test_listnet_scales_the_best_grade_of_a_list_to_ten() -> None:
    assert labels(GRADED, "listnet") == [[10.0, pytest.approx(20 / 3), pytest.approx(5 / 3), 0.0]]


@pytest.mark.parametrize("loss", ["cross_entropy", "multiple_negatives"])
def test_a_loss_with_one_positive_a_list_knows_no_grades(loss: str) -> None:
    assert labels(GRADED, loss) == [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]


def test_a_positive_whose_label_is_missing_or_nought_counts_one() -> None:
    odd = replace(GRADED, positives=(Passage("firms", label=2.0), Passage("shops"), Passage("club", label=0.0)))
    assert labels(odd, "ranknet") == [[2.0, 1.0, 1.0, 0.5, 0.0]]


def test_distillation_takes_teacher_scores() -> None:
    assert labels(SCORED, "margin_mse") == [[7.5, -4.0, 0.5], [3.0, -4.0, 0.5]]
    made = labelled_rows([SCORED], TextContract(), "mse")
    assert [(row["passage"], row["label"]) for row in made.rows] == [
        ("firms", 7.5),
        ("shops", 3.0),
        ("form", -4.0),
        ("fee", 0.5),
    ]


@pytest.mark.parametrize("loss", ["mse", "margin_mse"])
def test_a_missing_teacher_score_says_how_to_add_it(loss: str) -> None:
    with pytest.raises(DataError, match=r"'q'.*passage 'firms' has no teacher_score.*mining\.soft_labels"):
        labelled_rows([SCORED, EXAMPLE], TextContract(), loss)


@pytest.mark.parametrize(("loss", "columns"), [("bce", ["query", "passage", "label"]), ("mse", None), ("lambda", None)])
def test_the_columns_stand_in_the_order_that_is_their_meaning(loss: str, columns: list[str] | None) -> None:
    expected = columns or ["query", "docs" if LOSSES[loss].reads_lists else "passage", "label"]
    assert list(labelled_rows([SCORED], TextContract(), loss).rows[0]) == expected


def test_questions_without_negatives_are_left_out_of_lists_and_counted() -> None:
    made = labelled_rows([EXAMPLE, BARE], TextContract(), "listnet")
    assert (len(made.rows), made.left_out) == (2, 1)


@pytest.mark.parametrize("loss", ["listnet", "bce", "cross_entropy"])
def test_a_passage_judged_both_ways_is_a_positive_only(loss: str) -> None:
    both = replace(EXAMPLE, negatives=(Passage("firms"), Passage("form")))
    texts = [row.get("docs", [row.get("passage")]) for row in labelled_rows([both], TextContract(), loss).rows]
    assert texts == ([["firms"], ["shops"], ["form"]] if loss == "bce" else [["firms", "form"], ["shops", "form"]])


def test_few_negatives_choose_binary_cross_entropy() -> None:
    made = labelled_rows([EXAMPLE, BARE, BARE], TextContract(), "auto")
    assert made.loss == "bce"
    assert [row["label"] for row in made.rows] == [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("examples", "chosen"),
    [
        ([EXAMPLE, BARE], ("listnet", "1 of 2 questions have negatives")),
        ([EXAMPLE, BARE, BARE], ("bce", "1 of 3 questions have negatives")),
        ([SCORED], ("margin_mse", "every passage has a teacher score, and 1 of 1 questions have negatives")),
        ([SCORED, EXAMPLE], ("listnet", "2 of 2 questions have negatives")),
    ],
)
def test_the_loss_is_chosen_by_the_shape_of_the_data(examples: list[RerankExample], chosen: tuple[str, str]) -> None:
    assert choose_loss(examples) == chosen


@pytest.mark.parametrize("loss", ["auto", "bce", "listnet", "lambda", "ranknet", "cross_entropy"])
def test_no_negative_at_all_says_to_mine(loss: str) -> None:
    with pytest.raises(DataError, match=r"no query has a negative.*HardNegativeDatasetGenerator"):
        labelled_rows([BARE], TextContract(), loss)


def test_one_question_alone_has_no_other_to_borrow_negatives_from() -> None:
    with pytest.raises(DataError, match="no query has a negative"):
        labelled_rows([BARE], TextContract(), "multiple_negatives")


def test_the_old_name_is_gone() -> None:
    with pytest.raises(ConfigError, match="no loss 'listwise'"):
        labelled_rows([EXAMPLE], TextContract(), "listwise")


def test_templates_are_applied_once() -> None:
    contract = TextContract(query_template="q: {query}", passage_template="p: {passage}")
    row = labelled_rows([EXAMPLE], contract, "auto").rows[0]
    assert (row["query"], row["docs"][0]) == ("q: who may apply", "p: firms")


passages = st.builds(
    Passage,
    st.sampled_from("abcdefgh"),
    label=st.none() | st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]),
    teacher_score=st.floats(-20, 20),
)
examples = st.builds(
    RerankExample,
    st.just("q"),
    st.sampled_from(["what fee", "who may file"]),
    positives=st.lists(passages, min_size=1, max_size=3).map(tuple),
    negatives=st.lists(passages, max_size=3).map(tuple),
)


@given(st.lists(examples, min_size=1, max_size=4), st.sampled_from(sorted(LOSSES)))
def test_any_rows_have_a_label_for_each_passage_and_a_positive_before_its_negatives(
    data: list[RerankExample], loss: str
) -> None:
    try:
        made = labelled_rows(data, TextContract(), loss)
    except DataError:
        return
    positives = {(each.query, passage.text) for each in data for passage in each.positives}
    for row in made.rows:
        docs, label = row.get("docs", [row.get("passage")]), row["label"]
        assert len(docs) == (len(label) if LOSSES[loss].reads_lists else 1)
        assert not LOSSES[loss].reads_lists or (row["query"], docs[0]) in positives
    assert made.pairs == sum(len(row.get("docs", "1")) for row in made.rows)
    assert made.left_out <= len(data)


def test_imitation_takes_the_teacher_scores_as_labels_best_first() -> None:
    candidates = (Passage("form", teacher_score=0.0), Passage("firms", teacher_score=9.5))
    example = RerankExample("i", "who", candidates=candidates)
    for loss in ("listnet", "margin_mse"):
        made = imitation_rows([example], TextContract(), loss)
        assert made.loss == loss
        assert made.rows == [{"query": "who", "docs": ["firms", "form"], "label": [9.5, 0.0]}]


def test_a_list_without_teacher_scores_is_no_imitation_list() -> None:
    with pytest.raises(DataError, match="not an imitation list"):
        imitation_rows([RerankExample("i", "who", candidates=(Passage("a"), Passage("b")))], TextContract())


@pytest.mark.parametrize("loss", ["bce", "mse", "cross_entropy", "multiple_negatives"])
def test_a_loss_that_reads_no_scored_lists_cannot_imitate(loss: str) -> None:
    with pytest.raises(ConfigError, match=f"{loss}.*imitate with listnet"):
        imitation_rows([], TextContract(), loss)
