"""``datasets.Dataset`` in sentence-transformers' four column layouts, in and out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from datasets import Dataset, DatasetDict

from llama_index_rerank_tuner.dataset.formats.hugging_face import Layout, from_hugging_face, to_hugging_face
from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from tests.dataset.formats.bilingual import EXAMPLES

Q, P, N = "谁可以申请？", 'Firms "under 50".', "The form\nis AP-2."
EXPECTED = RerankExample("q0", Q, (Passage(P, label=1.0),), (Passage(N, label=0.0),))
LAYOUTS: list[Layout] = ["labeled-pair", "labeled-list", "triplet", "n-tuple"]


def _dataset(**columns: list[Any]) -> Dataset:
    return Dataset.from_dict(columns)


def _texts(example: RerankExample) -> tuple[str, list[str], list[str]]:
    return example.query, [p.text for p in example.positives], [p.text for p in example.negatives]


@pytest.mark.parametrize(
    "dataset",
    [
        _dataset(query=[Q, Q], passage=[P, N], label=[1, 0]),
        _dataset(label=[0.5, 0.49], anything=[Q, Q], whatever=[P, N]),
        _dataset(query=[Q], docs=[[P, N]], labels=[[1, 0]]),
        _dataset(query=[Q], docs=[[N, P]], scores=[[0.2, 0.9]]),
        _dataset(anchor=[Q], positive=[P], negative=[N]),
        _dataset(question=[Q, Q], relevant=[P, P], irrelevant=[N, N]),
    ],
    ids=["labeled-pair", "order, not names", "labeled-list", "scores are labels", "triplet", "repeated triplet"],
)
def test_each_layout_gives_the_question_with_both_sides(dataset: Dataset) -> None:
    (example,) = from_hugging_face(dataset)
    assert (example.query_id, _texts(example)) == ("q0", _texts(EXPECTED))
    assert example.where == "dataset record 0"


def test_an_n_tuple_has_one_positive_and_the_rest_negatives() -> None:
    dataset = _dataset(anchor=[Q, "b"], positive=[P, P], negative_1=[N, N], negative_2=["n2", "n3"], negative_3=[N, N])
    examples = from_hugging_face(dataset)
    assert [_texts(e) for e in examples] == [(Q, [P], [N, "n2"]), ("b", [P], [N, "n3"])]
    assert [e.where for e in examples] == ["dataset record 0", "dataset record 1"]
    assert examples[0].positives[0] is examples[1].positives[0]


def test_grades_are_kept() -> None:
    pair, listed = (
        _dataset(q=["a"] * 3, p=["x", "y", "z"], label=[3, 1, -1]),
        _dataset(q=["a"], p=[["x", "y", "z"]], labels=[[3, 1, -1]]),
    )
    expected = RerankExample("q0", "a", (Passage("x", label=3.0), Passage("y", label=1.0)), (Passage("z", label=-1.0),))
    assert from_hugging_face(pair) == from_hugging_face(listed) == [expected]


def test_a_list_of_scores_beside_a_tuple_is_a_teachers() -> None:
    (example,) = from_hugging_face(_dataset(query=[Q], positive=[P], negative=[N], scores=[[0.9, -2.5]]))
    assert [(p.label, p.teacher_score) for p in (*example.positives, *example.negatives)] == [(1.0, 0.9), (0.0, -2.5)]


def test_each_row_of_a_labeled_list_is_a_question_of_its_own() -> None:
    examples = from_hugging_face(_dataset(query=["a", "a"], docs=[["x"], ["y"]], labels=[[1], [0]]))
    assert [(e.query_id, _texts(e)) for e in examples] == [("q0", ("a", ["x"], [])), ("q1", ("a", [], ["y"]))]


def test_more_rows_than_a_batch_keep_their_places() -> None:
    count = 2501
    dataset = _dataset(query=[f"q {i}" for i in range(count)], passage=["p"] * count, label=[1] * (count - 1) + [None])
    with pytest.raises(DataError) as raised:
        from_hugging_face(dataset)
    assert raised.value.where == "dataset record 2500"
    assert len(from_hugging_face(dataset.select(range(count - 1)))) == count - 1


def test_a_streamed_a_formatted_and_an_empty_dataset_are_taken() -> None:
    dataset = _dataset(query=[Q], positive=[P], negative=[N])
    assert from_hugging_face(dataset.to_iterable_dataset()) == [EXPECTED]
    assert from_hugging_face(dataset.with_format("numpy")) == [EXPECTED]
    assert from_hugging_face(dataset.select([])) == []


def test_a_split_of_a_dataset_dict_is_named() -> None:
    dataset = _dataset(query=[Q], positive=[P], negative=[N])
    both = DatasetDict({"train": dataset, "test": dataset.select([])})
    assert from_hugging_face(both, split="train") == from_hugging_face(DatasetDict({"x": dataset})) == [EXPECTED]
    with pytest.raises(DataError, match=r"it has several splits \(train, test\)\. Take one: dataset\['train'\]"):
        from_hugging_face(both)
    with pytest.raises(DataError, match=r"it has no split 'dev' \(it has train, test\)"):
        from_hugging_face(both, split="dev")


def test_pairs_without_a_label_are_relevant_only_when_that_is_said() -> None:
    dataset = _dataset(question=[Q], answer=[P])
    with pytest.raises(DataError, match=r'ambiguous.*no label\. Add a column "label", or pass layout="n-tuple"'):
        from_hugging_face(dataset)
    assert from_hugging_face(dataset, layout="n-tuple") == [replace(EXPECTED, negatives=())]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"query": ["a"], "label": [1]}, "its columns are ['query', 'label']"),
        ({"query": ["a"], "p": ["b"], "label": [1], "score": [0.5]}, "['label', 'score'] all name a label"),
        ({"query": ["a"], "p": ["b"], "relevance": [1]}, 'ambiguous: the column "relevance" holds a int'),
        ({"query": ["a"], "positive": ["b"], "negatives": [["c"]]}, 'ambiguous: the column "negatives" holds a list'),
        ({"id": [7], "query": ["a"], "p": ["b"]}, 'the column "query" does not stand first'),
        ({"passage": ["b"], "query": ["a"], "label": [1]}, 'the column "query" does not stand first'),
        ({"anchor": ["a"], "negative": ["b"], "positive": ["c"]}, 'the column "positive" does not stand second'),
    ],
)
def test_an_ambiguous_layout_is_said_to_be_one(columns: dict[str, list[Any]], problem: str) -> None:
    with pytest.raises(DataError) as raised:
        from_hugging_face(_dataset(**columns))
    assert raised.value.where == "dataset"
    assert problem in raised.value.problem
    assert raised.value.fix != ""


@pytest.mark.parametrize(
    ("columns", "row", "problem"),
    [
        ({"q": ["a", None], "p": ["b", "c"], "label": [1, 0]}, 1, '"q" is None'),
        ({"q": ["a", "a"], "p": ["b", " "], "label": [1, 0]}, 1, "\"p\" is ' '"),
        ({"q": ["a", "a"], "p": ["b", "c"], "label": [1, float("nan")]}, 1, '"label" is nan'),
        ({"q": ["a"], "p": ["b"], "label": [[1]]}, 0, '"label" is [1]'),
        ({"q": ["a"], "p": [["b"]], "label": [1]}, 0, '"label" is a int'),
        ({"q": ["a"], "p": [["b", "c"]], "labels": [[1]]}, 0, '"p" has 2 texts, "labels" 1'),
        ({"q": ["a", "b"], "p": [["b"], None], "labels": [[1], [1]]}, 1, '"p" is a NoneType'),
        ({"q": ["a"], "p": [["b", None]], "labels": [[1, 0]]}, 0, '"p" is None'),
        ({"q": ["a"], "p": ["b"], "n": ["c"], "label": [0.7]}, 0, '"label" is 0.7'),
        ({"q": ["a"], "p": ["b"], "n": ["c"], "scores": [[1.0]]}, 0, '"scores" is [1.0]'),
        ({"q": ["a", "b"], "p": ["b", "c"], "n": ["c", None]}, 1, '"n" is None'),
    ],
)
def test_a_row_that_cannot_be_used_is_named(columns: dict[str, list[Any]], row: int, problem: str) -> None:
    with pytest.raises(DataError) as raised:
        from_hugging_face(_dataset(**columns))
    assert raised.value.where == f"dataset record {row}"
    assert problem in raised.value.problem
    assert raised.value.fix != ""


@pytest.mark.parametrize(
    ("layout", "columns"),
    [
        ("labeled-pair", {"q": ["a"], "p": ["b"]}),
        ("labeled-list", {"q": ["a"], "p": ["b"], "n": ["c"], "label": [1]}),
        ("triplet", {"q": ["a"], "p": ["b"]}),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(layout: Layout, columns: dict[str, list[Any]]) -> None:
    with pytest.raises(DataError, match=layout):
        from_hugging_face(_dataset(**columns), layout=layout)


def test_an_unknown_layout_and_what_is_no_dataset_are_refused() -> None:
    with pytest.raises(ConfigError, match="layout must be one of labeled-pair, labeled-list, triplet, n-tuple, got"):
        from_hugging_face(_dataset(q=["a"]), layout="pairs")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="got 'pairs'"):
        to_hugging_face([], "pairs")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"it is a list\. Expected a datasets.Dataset"):
        from_hugging_face([{"query": "q"}])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_is_read_back_equal(layout: Layout) -> None:
    written = to_hugging_face([replace(each, positives=each.positives[:1]) for each in EXAMPLES], layout)
    first = from_hugging_face(written)
    assert [_texts(e) for e in first] == [(e.query, [e.positives[0].text], _texts(e)[2]) for e in EXAMPLES]
    assert from_hugging_face(to_hugging_face(first, layout)) == first


@pytest.mark.parametrize("layout", ["labeled-pair", "labeled-list"])
def test_labels_keep_their_grades_through_a_round_trip(layout: Layout) -> None:
    read = from_hugging_face(to_hugging_face(EXAMPLES, layout))
    assert [[p.label for p in e.positives] for e in read] == [[1.0], [2.0, 1.0]]
    uneven = [replace(EXAMPLES[0], positives=(Passage("p", label=0.75),)), EXAMPLES[1]]
    assert from_hugging_face(to_hugging_face(uneven, layout))[0].positives[0].label == 0.75


def test_the_columns_are_the_layouts() -> None:
    example = replace(EXPECTED, positives=(*EXPECTED.positives, Passage("p2", label=2.0)))
    tables = {layout: to_hugging_face([example], layout).to_dict() for layout in LAYOUTS}
    assert tables == {
        "labeled-pair": {"query": [Q, Q, Q], "passage": [P, "p2", N], "label": [1, 2, 0]},
        "labeled-list": {"query": [Q], "passages": [[P, "p2", N]], "labels": [[1, 2, 0]]},
        "triplet": {"query": [Q, Q], "positive": [P, "p2"], "negative": [N, N]},
        "n-tuple": {"query": [Q, Q], "positive": [P, "p2"], "negative_1": [N, N]},
    }


@pytest.mark.parametrize(
    ("example", "layout", "problem"),
    [
        (replace(EXPECTED, negatives=()), "triplet", "the query has no negative passage"),
        (replace(EXPECTED, positives=()), "n-tuple", "the query has no positive passage"),
        (replace(EXPECTED, negatives=EXPECTED.negatives * 2), "n-tuple", "2 negatives, the first question 1"),
        (replace(EXPECTED, positives=(), negatives=()), "labeled-pair", "the query has no judged passage"),
        (replace(EXPECTED, positives=(Passage(P, label=0.0),)), "labeled-pair", "a positive has the label 0"),
        (replace(EXPECTED, negatives=(Passage(N, label=1.0),)), "labeled-list", "a negative has the label 1"),
    ],
)
def test_a_question_that_a_layout_cannot_hold_is_named(example: RerankExample, layout: Layout, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        to_hugging_face([EXPECTED, example], layout)


def test_a_text_column_that_is_no_negative_is_not_taken_for_one() -> None:
    rows = {"query": ["q"], "positive": ["x"], "negative": ["y"], "source": ["web"]}
    with pytest.raises(DataError, match=r'"source" stands among the negatives.*remove_columns\(\["source"\]\)'):
        from_hugging_face(Dataset.from_dict(rows))
