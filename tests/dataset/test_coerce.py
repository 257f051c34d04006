"""``from_records``: training records in whatever shape people hold them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset, DatasetDict

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.coerce import coerce_examples, coerce_records
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

TRIPLES = [
    {"query": "谁可以申请？", "passage": "小微企业。", "score": 1},
    {"query": "谁可以申请？", "passage": "The form is AP-2.", "score": 0},
]
COHERE = [{"query": "谁可以申请？", "relevant_passages": ["小微企业。"], "hard_negatives": ["The form is AP-2."]}]
GROUPS = [{"query": "谁可以申请？", "pos": ["小微企业。"], "neg": ["The form is AP-2."]}]


EMBEDDING_QA: dict[str, Any] = {
    "queries": {"q0": "谁可以申请？"},
    "corpus": {"a": "小微企业。", "b": "The form is AP-2."},
    "relevant_docs": {"q0": ["a"]},
}
TWO_SPLITS = DatasetDict({name: Dataset.from_list(TRIPLES) for name in ("train", "test")})


@dataclass
class Sample:  # has the fields of the incumbent's CrossEncoderFinetuningDatasetSample
    query: str
    context: str
    score: Any


@pytest.fixture(scope="module")
def expected() -> RerankDataset:
    example = RerankExample(
        "q0",
        "谁可以申请？",
        positives=(Passage("小微企业。", label=1.0),),
        negatives=(Passage("The form is AP-2.", label=0.0),),
    )
    return RerankDataset.build([example])


def _generated() -> Iterator[dict[str, object]]:
    yield from TRIPLES


@pytest.mark.parametrize(
    "records",
    [
        TRIPLES,
        tuple(TRIPLES),
        GROUPS,
        [MappingProxyType(record) for record in TRIPLES],
        [Sample(str(r["query"]), str(r["passage"]), r["score"]) for r in TRIPLES],
        [SimpleNamespace(query=r["query"], context=r["passage"], score=str(r["score"])) for r in TRIPLES],
        [Sample(str(TRIPLES[0]["query"]), str(TRIPLES[0]["passage"]), 1), TRIPLES[1]],
        COHERE,
        [SimpleNamespace(**COHERE[0])],
        [{"question": r["query"], "context": r["passage"], "label": r["score"]} for r in TRIPLES],
        Dataset.from_list(GROUPS),
        Dataset.from_list(COHERE),
        Dataset.from_list([{"q": r["query"], "a": r["passage"], "label": r["score"]} for r in TRIPLES]),
        Dataset.from_list([{"score": r["score"], "passage": r["passage"], "query": r["query"]} for r in TRIPLES]),
        Dataset.from_list([{**r, "group": None} for r in TRIPLES]),
        Dataset.from_list([{"q": GROUPS[0]["query"], "p": "小微企业。", "n": "The form is AP-2."}]),
        Dataset.from_list(TRIPLES).to_iterable_dataset(),
        DatasetDict({"train": Dataset.from_list(TRIPLES)}),
    ],
    ids=[
        "triples",
        "tuple",
        "groups",
        "mappings",
        "samples",
        "text scores",
        "samples and triples",
        "cohere",
        "cohere objects",
        "other names",
        "dataset of groups",
        "dataset of cohere",
        "labeled pairs",
        "named columns in another order",
        "named columns and more",
        "triplets",
        "iterable dataset",
        "a single split",
    ],
)
def test_every_shape_gives_the_same_data_set(records: Any, expected: RerankDataset) -> None:
    assert RerankDataset.build(*coerce_records(records)) == expected


def test_a_generator_an_hf_dataset_and_a_rerank_dataset_are_taken(expected: RerankDataset) -> None:
    assert RerankDataset.from_records(_generated()) == expected
    assert RerankDataset.from_records(Dataset.from_list(TRIPLES)) == expected
    assert RerankDataset.from_records(expected) == expected
    assert RerankDataset.from_records(expected.examples) == expected


@pytest.mark.parametrize("records", [EMBEDDING_QA, SimpleNamespace(**EMBEDDING_QA)], ids=["mapping", "live object"])
def test_an_embedding_qa_data_set_brings_its_corpus(records: Any) -> None:
    examples, corpus = coerce_records(records)
    dataset = RerankDataset.build(examples, corpus)
    assert [example.qrels for example in dataset] == [{"a": 1}]
    assert [(passage.node_id, passage.text) for passage in dataset.corpus] == list(EMBEDDING_QA["corpus"].items())


def test_only_an_embedding_qa_data_set_brings_a_corpus(expected: RerankDataset) -> None:
    assert coerce_records(TRIPLES)[1] == coerce_records(Dataset.from_list(TRIPLES))[1] == []
    assert RerankDataset.build(coerce_examples(TRIPLES)) == expected


def test_the_callers_records_are_not_changed(expected: RerankDataset) -> None:
    record = {"query": "q", "pos": ["p"], "neg": ["n"], "metadata": {"by": "me"}}
    before = copy.deepcopy(record)
    RerankDataset.from_records([record])
    assert record == before


def test_repeated_pairs_are_kept_for_the_audit_to_count() -> None:
    dataset = RerankDataset.from_records([TRIPLES[0], TRIPLES[0], TRIPLES[0] | {"score": 0}])
    assert (len(dataset), len(dataset.corpus)) == (1, 1)
    audit = dataset.audit()
    assert (audit.positives, audit.negatives, audit.duplicate_pairs, audit.contradictions) == (2, 1, 1, 1)


@pytest.mark.parametrize(
    ("records", "where", "problem"),
    [
        ([], "dataset", "it is empty"),
        (iter(()), "dataset", "it is empty"),
        ("train.jsonl", "dataset", "it is a str, not a list of records"),
        ({"query": "q", "pos": ["p"]}, "dataset", "it is a dict, not a list of records"),
        (None, "dataset", "it is a NoneType, not a list of records"),
        (7, "dataset", "it is a int, not a list of records"),
        (b"bytes", "dataset record 0", "a int is no record"),
        ([TRIPLES[0], "text"], "dataset record 1", "a str is no record"),
        ([TRIPLES[0], ("q", "p", 1)], "dataset record 1", "a tuple is no record"),
        ([TRIPLES[0], None], "dataset record 1", "a NoneType is no record"),
        ([RerankExample("q0", "q"), TRIPLES[0]], "dataset record 0", "a RerankExample is no record"),
        ([TRIPLES[0], TRIPLES[1], GROUPS[0]], "dataset record 2", "its shape differs from record 0's"),
        ([GROUPS[0], TRIPLES[0]], "dataset record 1", "its shape differs from record 0's"),
        ([TRIPLES[0], {"query": "q", "answer": "p", "label": 1}], "dataset record 1", 'the key "passage" is missing'),
        ([COHERE[0], TRIPLES[0]], "dataset record 1", "its shape differs from record 0's"),
        ([COHERE[0], {"query": "q", "relevant_passages": "p"}], "dataset record 1", '"relevant_passages" is a str'),
        (EMBEDDING_QA | {"queries": {}, "relevant_docs": {}}, "dataset", "it is empty"),
        (EMBEDDING_QA | {"corpus": {}}, "dataset query 'q0'", "passage 'a' is not in \"corpus\""),
        (Dataset.from_list([]), "dataset", "it is empty"),
        (DatasetDict(), "dataset", "it is a DatasetDict, not a list of records"),
        (TWO_SPLITS, "dataset", "it has several splits (train, test)"),
        (Dataset.from_dict({"query": ["q"], "answer": ["a"]}), "dataset", "the layout is ambiguous"),
        (Dataset.from_list([{"query": "q", "passage": None, "score": 1}]), "dataset record 0", '"passage" is None'),
        ([TRIPLES[0], {}], "dataset record 1", 'the key "query" is missing (it has nothing)'),
        ([Sample("q", "p", "Yes.")], "dataset record 0", "\"score\" is 'Yes.'"),
        ([Sample("q", "", 1)], "dataset record 0", "\"passage\" is ''"),
        ([TRIPLES[0] | {"score": None}], "dataset record 0", '"score" is None'),
        ([{"query": "q", "pos": "p"}], "dataset record 0", '"pos" is a str'),
    ],
)
def test_what_cannot_be_used_is_named_by_its_place(records: Any, where: str, problem: str) -> None:
    with pytest.raises(DataError) as raised:
        coerce_records(records)
    assert raised.value.where == where
    assert problem in raised.value.problem
    assert raised.value.fix != ""


def test_a_wrong_shape_is_answered_with_the_shapes_that_work() -> None:
    with pytest.raises(DataError, match=r'Expected {"query", "passage", "score"}, {"query", "pos", "neg"}, or'):
        RerankDataset.from_records(["text"])
