"""Lists that imitate the retrievers, with scores computed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llama_index_rerank_tuner.mining import imitation_lists
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.text import TextContract

BARE = TextContract("none")
NODES = [TextNode(id_=id_, text=f"text {id_}", metadata={"title": id_}) for id_ in "abcdefghijkl"]


class Scored(BaseRetriever):
    """Returns the same ids with the same scores for every question but ``nothing``."""

    def __init__(self, scores: Mapping[str, float]) -> None:
        super().__init__()
        self.scores = scores

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if query_bundle.query_str == "nothing":
            return []
        return [NodeWithScore(node=TextNode(id_=i, text=f"text {i}"), score=s) for i, s in self.scores.items()]


def _lists(
    sources: Mapping[str, Mapping[str, float]],
    queries: Sequence[str] = ("q",),
    nodes: Sequence[TextNode] = NODES,
    **settings: int,
) -> list[RerankExample]:
    retrievers = {name: Scored(scores) for name, scores in sources.items()}
    return imitation_lists(queries, nodes, retrievers, BARE, **settings)


def _teacher(example: RerankExample) -> dict[str, float | None]:
    return {passage.key: passage.teacher_score for passage in example.candidates or ()}


def test_a_sources_scores_are_brought_to_0_to_5_within_the_list() -> None:
    (example,) = _lists({"bm25": {"a": 10.0, "b": 5.0, "c": 0.0}}, from_top=3, at_random=0)
    assert _teacher(example) == {"a": 5.0, "b": 2.5, "c": 0.0}


def test_the_sources_are_summed_and_one_that_missed_a_passage_adds_nothing() -> None:
    sources = {"bm25": {"a": 30.0, "b": 20.0, "c": 10.0}, "dense": {"c": 0.9, "a": 0.5, "d": 0.1}}
    (example,) = _lists(sources, from_top=4, at_random=0)
    assert _teacher(example) == pytest.approx({"a": 7.5, "b": 2.5, "c": 5.0, "d": 0.0})


def test_what_the_sources_are_called_makes_no_difference_to_the_last_bit() -> None:
    scores = [{id_: ((i + 3) * (source + 7) % 11) / 7 for i, id_ in enumerate("abcdef")} for source in range(4)]
    renamed = [
        _lists({f"{name}{source}": each for source, each in enumerate(scores)}, from_top=6, at_random=0)
        for name in ("bm", "dense", "x", "y", "z", "bm25-", "source ", "税")
    ]
    assert len({str(sorted(_teacher(examples[0]).items())) for examples in renamed}) == 1


def test_negative_scores_are_a_scale_like_any_other() -> None:
    (example,) = _lists({"bm25": {"a": -1.0, "b": -2.0, "c": -5.0}}, from_top=3, at_random=0)
    assert _teacher(example) == {"a": 5.0, "b": 3.75, "c": 0.0}


def test_equal_scores_all_count_full() -> None:
    (example,) = _lists({"bm25": {"a": 2.0, "b": 2.0}}, from_top=2, at_random=0)
    assert _teacher(example) == {"a": 5.0, "b": 5.0}


def test_a_passage_drawn_at_random_counts_0_unless_a_source_found_it() -> None:
    (example,) = _lists({"bm25": {"a": 4.0, "b": 3.0, "c": 2.0}}, from_top=1, at_random=len(NODES), top_k=1)
    assert _teacher(example) == dict.fromkeys("defghijkl", 0.0) | {"a": 5.0, "b": 2.5, "c": 0.0}


def test_the_window_holds_the_best_by_teacher_score() -> None:
    sources = {"bm25": {"a": 3.0, "b": 2.0, "c": 1.0}, "dense": {"b": 3.0, "c": 2.0, "a": 1.0}}
    (example,) = _lists(sources, from_top=2, at_random=0, top_k=2)
    assert set(_teacher(example)) == {"a", "b"}


def test_only_the_given_nodes_stand_in_a_list() -> None:
    found = {"a": 3.0, "stranger": 2.0, "b": 1.0}
    (example,) = _lists({"bm25": found}, nodes=NODES[:4], from_top=5, at_random=4)
    assert set(_teacher(example)) == {"a", "b", "c", "d"}


def test_no_passage_stands_twice_and_no_list_is_longer_than_asked_for() -> None:
    found = {node.node_id: float(i) for i, node in enumerate(NODES)}
    examples = _lists({"bm25": found}, [f"q{i}" for i in range(50)])
    keys = [[passage.key for passage in example.candidates or ()] for example in examples]
    assert all(len(each) == len(set(each)) <= 8 for each in keys)
    assert max(map(len, keys)) == 8


def test_a_list_needs_no_label_and_gives_none() -> None:
    (example,) = _lists({"bm25": {"a": 2.0, "b": 1.0}})
    assert (example.positives, example.negatives, example.query) == ((), (), "q")
    assert all(passage.label is None for passage in example.candidates or ())


def test_a_question_with_under_two_passages_gets_no_list() -> None:
    assert _lists({"bm25": {"a": 1.0}}, at_random=0) == []
    assert _lists({"bm25": {}}, at_random=1) == []


def test_a_question_that_finds_nothing_gets_random_passages_and_the_others_keep_their_ids() -> None:
    examples = _lists({"bm25": {"a": 2.0, "b": 1.0}}, ["q", "nothing", "r"], at_random=2)
    assert [(example.query_id, example.query) for example in examples] == [
        ("imitation-0-0", "q"), ("imitation-1-0", "nothing"), ("imitation-2-0", "r")
    ]  # fmt: skip
    assert list(_teacher(examples[1]).values()) == [0.0, 0.0]


def test_no_question_and_no_node_give_no_list() -> None:
    assert _lists({"bm25": {"a": 1.0}}, []) == []
    assert _lists({"bm25": {"a": 2.0, "b": 1.0}}, nodes=[]) == []


def test_the_contract_makes_the_text_of_random_passages_too() -> None:
    (example,) = imitation_lists(["nothing"], NODES[:2], {"bm25": Scored({})}, TextContract("embed"), at_random=2)
    assert {passage.text for passage in example.candidates or ()} == {"title: a\n\ntext a", "title: b\n\ntext b"}


def test_the_same_seed_gives_the_same_lists_and_another_seed_others() -> None:
    found = {node.node_id: float(i) for i, node in enumerate(NODES)}
    queries = [f"q{i}" for i in range(10)]
    assert _lists({"bm25": found}, queries, seed=1) == _lists({"bm25": found}, queries, seed=1)
    assert _lists({"bm25": found}, queries, seed=1) != _lists({"bm25": found}, queries, seed=2)


def test_the_order_of_the_nodes_makes_no_difference() -> None:
    found = {node.node_id: float(i) for i, node in enumerate(NODES)}
    queries = [f"q{i}" for i in range(10)]
    assert _lists({"bm25": found}, queries) == _lists({"bm25": found}, queries, nodes=NODES[::-1])


def test_a_query_gets_as_many_lists_as_asked_each_drawn_anew() -> None:
    examples = _lists({"bm25": {key: float(score) for score, key in enumerate("abcdef")}}, ["q"], lists_per_query=3)
    assert [example.query_id for example in examples] == ["imitation-0-0", "imitation-0-1", "imitation-0-2"]
    assert len({tuple(p.key for p in example.candidates or ()) for example in examples}) > 1
