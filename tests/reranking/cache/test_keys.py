"""The keys of cached scores."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.reranking.cache import pair_keys, score_namespace
from llama_index_rerank_tuner.text import TextContract

CONTRACT = TextContract()
TEXTS = st.text(max_size=6) | st.sampled_from(["", "a", "ab", "b", "\x00", "\ud800", "税", "é", "é"])
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), max_size=12)


@given(PAIRS)
def test_pairs_have_the_same_key_exactly_when_both_texts_are_the_same(pairs: list[tuple[str, str]]) -> None:
    keys = pair_keys(b"model", pairs)
    assert {len(key) for key in keys} <= {32}
    assert [[one == other for other in keys] for one in keys] == [[one == other for other in pairs] for one in pairs]


@given(TEXTS, TEXTS, st.integers(1, 5))
def test_no_text_can_move_from_the_query_to_the_passage(query: str, passage: str, cut: int) -> None:
    moved = (query + passage[:cut], passage[cut:])
    assert (pair_keys(b"model", [(query, passage)]) == pair_keys(b"model", [moved])) == ((query, passage) == moved)


def test_keys_do_not_depend_on_the_pairs_beside_them() -> None:
    alone = pair_keys(b"model", [("q", "a")]) + pair_keys(b"model", [("q", "b")])
    assert pair_keys(b"model", [("q", "a"), ("q", "b")]) == alone


def test_every_part_of_the_namespace_makes_other_keys() -> None:
    namespaces = [
        score_namespace("4cce", "torch fp32", CONTRACT),
        score_namespace("4ccf", "torch fp32", CONTRACT),
        score_namespace("4cce", "onnx int8", CONTRACT),
        score_namespace("4cc", "etorch fp32", CONTRACT),
        score_namespace("4cce", "torch fp32", replace(CONTRACT, max_length=256)),
        score_namespace("4cce", "torch fp32", replace(CONTRACT, metadata_mode="none")),
        score_namespace("4cce", "torch fp32", replace(CONTRACT, query_template="question: {query}")),
        score_namespace("4cce", "torch fp32", replace(CONTRACT, passage_template="text: {passage}")),
        score_namespace("4cce", "torch fp32", CONTRACT, windows="max"),
        score_namespace("4cce", "torch fp32", CONTRACT, windows="first + max"),
    ]
    keys = [pair_keys(each, [("q", "a")])[0] for each in namespaces]
    assert len(set(keys)) == len(namespaces)


def test_the_retriever_and_the_scope_are_no_part_of_a_score() -> None:
    other = replace(CONTRACT, retriever="bm25", scope="corpus")
    assert score_namespace("4cce", "torch fp32", other) == score_namespace("4cce", "torch fp32", CONTRACT)


def test_keys_stay_the_same_between_processes_and_releases() -> None:
    namespace = score_namespace("4cce", "torch fp32", {"max_length": 512}, windows=None)
    assert namespace.hex() == "60285b38c12adb6beae639fe4d5515271fe05668c9c2e088487445f3c380ae30"
    assert (
        pair_keys(namespace, [("税率是多少", "13%")])[0].hex()
        == "adca20883299beed4a9396172c94152a85ddee3b4f0906b932f20f1bcc76a67d"
    )


def test_what_cannot_be_hashed_is_an_error_that_shows_it() -> None:
    with pytest.raises(ConfigError, match=r"made of JSON values.*windows"):
        score_namespace("4cce", "torch fp32", {}, windows=object())
