"""Serving in another scope than the one a reranker was tuned for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from llama_index.core.schema import NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import RerankTunerWarning
from llama_index_rerank_tuner.reranking import FinetunedRerank
from llama_index_rerank_tuner.reranking.scope_watch import ScopeWatch
from llama_index_rerank_tuner.text import TextContract


def found(documents: str, tenants: str = "") -> list[NodeWithScore]:
    """One candidate for each letter; a dot is a node that names no document."""
    nodes = []
    for place, document in enumerate(documents):
        source = {} if document == "." else {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document)}
        metadata = {"tenant": tenants[place]} if tenants else {}
        nodes.append(NodeWithScore(node=TextNode(text="fee", relationships=source, metadata=metadata), score=1.0))
    return nodes


def signs(scope: str | None, *calls: str) -> list[str | None]:
    watch = ScopeWatch(scope)
    return [watch.other_scope(found(call)) for call in calls]


def test_a_reranker_for_one_document_is_warned_of_two_at_once() -> None:
    assert signs("group", "aaaa", "aaba") == [None, "candidates come from 2 documents"]


def test_tenants_are_told_apart_by_their_metadata() -> None:
    watch = ScopeWatch("metadata:tenant")
    assert watch.other_scope(found("abc", "xxx")) is None
    assert watch.other_scope(found("aaa", "xyz")) == "candidates have 3 values of 'tenant'"
    assert watch.other_scope(found("aaa")) is None


def test_a_reranker_for_the_corpus_is_warned_of_one_document_at_a_time() -> None:
    sign = "the candidates of 5 questions in a row came from one document each"
    assert signs("corpus", "aaa", "bbb", "aaa", "aaa", "ccc") == [None] * 4 + [sign]


@pytest.mark.parametrize(
    "calls",
    [
        ["aaa"] * 9,  # a corpus of one document
        ["aaa", "bbb", "aab", "aaa", "bbb", "aaa", "bbb"],  # never five in a row
        ["aa", "bb", "a", "b", "aa", "bb"],  # too few candidates to tell
        ["...", "...", "...", "...", "..."],  # nodes without a document
    ],
)
def test_what_whole_corpus_candidates_can_look_like_is_no_sign(calls: list[str]) -> None:
    assert signs("corpus", *calls) == [None] * len(calls)


@pytest.mark.parametrize("scope", [None, "corpus 3 + group 1", "metadata:tenant 1 + group 1"])
def test_an_unknown_or_mixed_scope_tells_nothing(scope: str | None) -> None:
    assert signs(scope, "abc", "aaa", "bbb", "ccc", "aaa", "bbb") == [None] * 6


def test_the_reranker_warns_once_and_goes_on() -> None:
    class Level:
        name = "level"

        def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
            return np.zeros(len(pairs))

    reranker = FinetunedRerank("any", contract=TextContract(scope="group"), scorer=Level())
    with pytest.warns(RerankTunerWarning, match=r"scope 'group', and candidates come from 2 documents\. A reranker"):
        assert len(reranker.postprocess_nodes(found("ab"), query_str="fee")) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reranker.postprocess_nodes(found("ab"), query_str="fee")
