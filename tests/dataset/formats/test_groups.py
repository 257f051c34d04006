"""The groups format: ``{"query", "pos", "neg"}`` as JSONL, with optional lists beside the texts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.formats.groups import read_groups, write_groups
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved

FULL: dict[str, Any] = {
    "query_id": "7",
    "query": "谁可以申请 the grant?",
    "group": "rules.pdf",
    "pos": ["小微企业可以申请。", "Firms under 50 staff."],
    "pos_ids": ["n1", "n2"],
    "pos_labels": [None, 3.0],
    "pos_scores": [4.5, None],
    "pos_groups": ["rules.pdf", None],
    "neg": ["The form is AP-2."],
    "neg_ids": ["n3"],
    "neg_scores": [-2.25],
    "neg_sources": [{"bm25": [1, 9.5], "dense:mini": [4, 0.31]}],
    "neg_metadata": [{"flags": ["teacher: nearly as good as a positive"]}],
    "candidates": [
        {"text": "The form is AP-2.", "id": "n3", "sources": {"bm25": [1, 9.5]}, "metadata": {"page": 3}},
        {"text": "小微企业可以申请。", "id": "n1", "label": 1.0, "teacher_score": 4.5, "group": "rules.pdf"},
    ],
    "metadata": {"by": "llm", "tries": 2},
}
EXAMPLE = RerankExample(
    query_id="7",
    query="谁可以申请 the grant?",
    positives=(
        Passage("小微企业可以申请。", "n1", 1.0, 4.5, group="rules.pdf"),
        Passage("Firms under 50 staff.", "n2", 3.0),
    ),
    negatives=(
        Passage(
            "The form is AP-2.",
            "n3",
            0.0,
            -2.25,
            {"bm25": Retrieved(1, 9.5), "dense:mini": Retrieved(4, 0.31)},
            metadata={"flags": ["teacher: nearly as good as a positive"]},
        ),
    ),
    candidates=(
        Passage("The form is AP-2.", "n3", retrieved={"bm25": Retrieved(1, 9.5)}, metadata={"page": 3}),
        Passage("小微企业可以申请。", "n1", 1.0, 4.5, group="rules.pdf"),
    ),
    group="rules.pdf",
    metadata={"by": "llm", "tries": 2},
)


def _file(folder: Path, *records: object) -> Path:
    path = folder / "train.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
    return path


def test_every_optional_list_has_its_own_field(tmp_path: Path) -> None:
    assert RerankDataset.from_groups(_file(tmp_path, FULL)).examples == (EXAMPLE,)


def test_a_full_record_is_written_as_it_was_read(tmp_path: Path) -> None:
    RerankDataset.build([EXAMPLE]).to_groups(tmp_path / "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8")) == FULL


def test_flag_embedding_files_read_as_they_are(tmp_path: Path) -> None:
    dataset = RerankDataset.load(_file(tmp_path, {"query": "q", "pos": ["p"], "neg": ["n1", "n2"], "prompt": "x"}))
    example = dataset[0]
    assert (example.query_id, example.group, example.candidates) == ("q0", None, None)
    assert [(p.text, p.label) for p in (*example.positives, *example.negatives)] == [
        ("p", 1.0),
        ("n1", 0.0),
        ("n2", 0.0),
    ]


def test_a_prompt_is_kept_in_the_metadata_and_written_back_beside_the_query(tmp_path: Path) -> None:
    record = {
        "query_id": "q0",
        "query": "q",
        "pos": ["p"],
        "neg": [],
        "prompt": "Rank this.",
        "metadata": {"by": "llm"},
    }
    examples = read_groups(_file(tmp_path, record))
    assert examples[0].metadata == {"by": "llm", "prompt": "Rank this."}
    write_groups(examples, tmp_path / "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8")) == record


def test_a_json_list_is_read_and_written(tmp_path: Path) -> None:
    write_groups([EXAMPLE, replace(EXAMPLE, query_id="8", metadata={"prompt": 5})], tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))[0] == FULL
    assert read_groups(tmp_path / "out.json") == [EXAMPLE, replace(EXAMPLE, query_id="8", metadata={"prompt": 5})]


def test_groups_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a table cannot\. Name the file \.jsonl or \.json"):
        write_groups([EXAMPLE], tmp_path / "out.csv")
    assert not list(tmp_path.iterdir())


def test_neg_may_be_left_out_and_nothing_else_is_written(tmp_path: Path) -> None:
    dataset = RerankDataset.from_groups(_file(tmp_path, {"query": "q", "pos": ["p"], "pos_ids": [5]}))
    dataset.to_groups(tmp_path / "out.jsonl")
    written = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert written == {"query_id": "q0", "query": "q", "pos": ["p"], "pos_ids": ["5"], "neg": []}


_TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda text: text.strip() != "")
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
_SOURCES = st.dictionaries(
    st.sampled_from(["bm25", "dense:mini", "random"]), st.builds(Retrieved, st.integers(1, 500), _NUMBERS), max_size=2
)

_METADATA = st.dictionaries(_TEXTS, st.integers() | st.lists(_TEXTS, max_size=2), max_size=2)


@st.composite
def _examples(draw: st.DrawFn) -> list[RerankExample]:
    pool = draw(st.lists(_TEXTS, min_size=1, max_size=6, unique=True))

    def passages(label: st.SearchStrategy[float | None]) -> tuple[Passage, ...]:
        chosen = draw(st.lists(st.sampled_from(range(len(pool))), max_size=3))
        return tuple(
            Passage(
                pool[i],
                f"n{i}",
                draw(label),
                draw(st.none() | _NUMBERS),
                draw(_SOURCES),
                f"doc{i % 2}",
                draw(_METADATA),
            )
            for i in chosen
        )

    return [
        RerankExample(
            query_id=f"id{count}",
            query=draw(_TEXTS),
            positives=passages(st.sampled_from([1.0, 2.0, 0.75])),
            negatives=passages(st.sampled_from([0.0, -1.0])),
            candidates=draw(st.none() | st.just(passages(st.none() | _NUMBERS))),
            group=draw(st.none() | _TEXTS),
            metadata=draw(st.dictionaries(_TEXTS, st.integers() | _TEXTS, max_size=2)),
        )
        for count in range(draw(st.integers(1, 3)))
    ]


@settings(max_examples=60, deadline=None)
@given(examples=_examples())
def test_what_is_written_is_read_back(examples: list[RerankExample], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("groups") / "round.jsonl"
    dataset = RerankDataset.build(examples)
    dataset.to_groups(path)
    assert RerankDataset.from_groups(path) == dataset
    assert RerankDataset.load(path) == dataset


def test_a_made_up_query_id_never_takes_a_given_one(tmp_path: Path) -> None:
    dataset = RerankDataset.from_groups(
        _file(tmp_path, {"query": "a", "pos": ["p"]}, {"query": "b", "pos": ["p"], "query_id": "q0"})
    )
    assert [example.query for example in dataset] == ["a", "b"]
    assert dataset[1].query_id == "q0"


@pytest.mark.parametrize(
    ("change", "problem", "fix"),
    [
        ({"query": None}, '"query" is None', "Expected a text that is not empty."),
        ({"pos": "text"}, '"pos" is a str', "Expected a list of texts."),
        ({"neg": None}, '"neg" is a NoneType', "Expected a list of texts."),
        ({"pos": ["ok", ""]}, "\"pos\" is ''", "Expected a text that is not empty."),
        ({"neg": [{"text": "a"}]}, "\"neg\" is {'text': 'a'}", "Expected a text that is not empty."),
        ({"pos_ids": ["n1"]}, '"pos" has 2 texts, "pos_ids" 1', "Make them equally long."),
        ({"neg_scores": 3}, '"neg" has 1 texts, "neg_scores" int', "Make them equally long."),
        ({"pos_scores": ["high", 1]}, "\"pos_scores\" is 'high'", "Expected a number"),
        ({"neg_labels": ["no"]}, "\"neg_labels\" is 'no'", "Expected a number"),
        ({"neg_sources": [{"bm25": 3}]}, "sources are {'bm25': 3}", 'Expected {"bm25": [rank, score]}.'),
        ({"neg_sources": ["bm25"]}, "sources are 'bm25'", 'Expected {"bm25": [rank, score]}.'),
        ({"neg_sources": [{"bm25": [float("inf"), 1]}]}, "sources are", 'Expected {"bm25": [rank, score]}.'),
        ({"candidates": ["text"]}, "\"candidates\" holds 'text'", 'Expected {"text": ..., "id": ...}.'),
        ({"candidates": [{"id": "n1"}]}, 'the key "text" is missing', 'Add "text".'),
        ({"candidates": 5}, "candidates", "Expected"),
        ({"metadata": "llm"}, "metadata", "Expected"),
        ({"pos_metadata": [3, None]}, '"pos_metadata" is a int', "Expected an object."),
        ({"neg_metadata": [{"by": "\ud83d"}]}, '"neg_metadata" cannot be written as JSON', "plain JSON"),
        ({"neg_metadata": {}}, '"neg" has 1 texts, "neg_metadata" dict', "Make them equally long."),
        ({"candidates": [{"text": "t", "metadata": []}]}, '"metadata" is a list', "Expected an object."),
        ({"group": 1.5}, '"group" is 1.5', "Expected a text."),
        ({"group": "\ud83d"}, '"group" holds half a character at position 0', "Write it again as UTF-8."),
        ({"pos_ids": [["n1"], "n2"]}, "\"pos_ids\" is ['n1']", "Expected a text."),
        ({"neg_sources": [{"bm25": [1.5, 1]}]}, "sources are {'bm25': [1.5, 1]}", 'Expected {"bm25": [rank, score]}.'),
        ({"neg_sources": [{"bm25": [1, float("nan")]}]}, "sources are {'bm25': [1, nan]}", "[rank, score]"),
        ({"metadata": {"by": "\ud83d"}}, '"metadata" cannot be written as JSON', "plain JSON"),
        ({"prompt": "x", "metadata": {"prompt": "y"}}, '"prompt" and the prompt in "metadata" differ', "Keep one"),
    ],
)
def test_a_record_that_cannot_be_used_is_named_with_its_fix(
    tmp_path: Path, change: dict[str, object], problem: str, fix: str
) -> None:
    path = _file(tmp_path, {"query": "q", "pos": ["p"]}, FULL | change)
    with pytest.raises(DataError) as raised:
        RerankDataset.from_groups(path)
    assert raised.value.where == f"{path} line 2"
    assert problem in raised.value.problem
    assert fix in raised.value.fix


def test_a_record_without_pos_is_named(tmp_path: Path) -> None:
    path = _file(tmp_path, {"query": "q", "pos": ["p"]}, {"query": "q", "neg": ["n"]})
    with pytest.raises(DataError, match=r'the key "pos" is missing\. Expected {"query"') as raised:
        RerankDataset.load(path)
    assert raised.value.where == f"{path} line 2"


def test_the_same_query_id_twice_is_named_by_its_line(tmp_path: Path) -> None:
    path = _file(tmp_path, *[{"query": query, "pos": ["p"], "query_id": 7} for query in "ab"])
    with pytest.raises(DataError, match=r"the query id '7' stands twice\. Make ids unique\.") as raised:
        RerankDataset.from_groups(path)
    assert raised.value.where == f"{path} line 2"
