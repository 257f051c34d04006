"""BM25 against its reference, rank_bm25.BM25Okapi."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from llama_index.core.schema import NodeWithScore, TextNode
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
from llama_index_rerank_tuner.retrieval.bm25 import lexical_terms

ENGLISH = [
    "the tax is due in may",
    "the fee of the permit office",
    "wage tax and fee",
    "a cat may not pay tax tax tax",
    "permit",
]
CHINESE = ["研发费用加计扣除如何申报", "高新技术企业认定条件", "城市停车收费标准", "企业研发费用R&D申报条件", "费用"]
WORDS = st.sampled_from(["tax", "fee", "cat", "the", "of", "may", "税", "费用", "申报", "zzz"])
TEXTS = st.lists(WORDS, max_size=7).map(" ".join)


def _retriever(texts: Sequence[str], top_k: int = 10) -> BM25JiebaRetriever:
    return BM25JiebaRetriever([TextNode(id_=str(i), text=text) for i, text in enumerate(texts)], top_k)


def _okapi(texts: Sequence[str], query: str) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = BM25Okapi([lexical_terms(text) for text in texts]).get_scores(lexical_terms(query))
    return scores


def _sharing(texts: Sequence[str], query: str) -> set[int]:
    return {i for i, text in enumerate(texts) if set(lexical_terms(text)) & set(lexical_terms(query))}


def _ids(found: Sequence[NodeWithScore]) -> list[int]:
    return [int(each.node.node_id) for each in found]


@pytest.mark.parametrize("query", ["tax", "the tax of the office", "permit permit fee", "pay CAT wage", "unknown", ""])
def test_scores_equal_okapis_on_english(query: str) -> None:
    expected = BM25Okapi([text.split() for text in ENGLISH]).get_scores(query.lower().split())
    np.testing.assert_allclose(_retriever(ENGLISH).scores(query), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("query", ["怎么申报研发费用", "企业条件", "R&D 费用", "停车", "没有"])
def test_scores_equal_okapis_on_chinese_and_mixed_text(query: str) -> None:
    np.testing.assert_allclose(_retriever(CHINESE).scores(query), _okapi(CHINESE, query), rtol=0, atol=1e-9)


def test_scores_equal_okapis_on_real_statutes(shared_data: Path) -> None:
    folder = shared_data / "stard"
    lines = (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines()[:200]
    queries = (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()[:10]
    texts = [json.loads(line)["text"] for line in lines]
    retriever = _retriever(texts)
    for query in (json.loads(line)["text"] for line in queries):
        expected = _okapi(texts, query)
        np.testing.assert_allclose(retriever.scores(query), expected, rtol=0, atol=1e-9)
        assert _ids(retriever.retrieve(query)) == np.argsort(-expected.round(12), kind="stable")[:10].tolist()


def test_a_score_computed_by_hand() -> None:
    # idf ln(2.5/1.5); one of two terms where documents average 4/3: 2.5 / (1 + 1.5 * (0.25 + 0.75 * 1.5)).
    (found,) = _retriever(["apple banana", "cherry", "date"]).retrieve("apple")
    assert found.score == pytest.approx(math.log(5 / 3) * 2.5 / 3.0625)


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=9), TEXTS, st.integers(1, 9))
def test_scores_and_top_k_equal_okapis_on_any_corpus(texts: list[str], query: str, top_k: int) -> None:
    assume(any(texts))
    expected = _okapi(texts, query)
    retriever = _retriever(texts, top_k)
    np.testing.assert_allclose(retriever.scores(query), expected, rtol=0, atol=1e-9)
    found, sharing = _ids(retriever.retrieve(query)), _sharing(texts, query)
    assert set(found) <= sharing
    assert len(found) == len(set(found)) == min(top_k, len(sharing))
    assert found == sorted(sharing, key=lambda i: (-expected[i].round(12), i))[:top_k]


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=6), st.lists(TEXTS, max_size=4))
def test_a_batch_finds_what_single_questions_find(texts: list[str], queries: list[str]) -> None:
    retriever = _retriever(texts, 3)
    single = [[(each.node.node_id, each.score) for each in retriever.retrieve(query)] for query in queries]
    batched = [[(each.node.node_id, each.score) for each in found] for found in retriever.retrieve_batch(queries)]
    assert batched == single


def test_ties_stand_in_node_order() -> None:
    assert _ids(_retriever(["cat", "fee", "cat", "tax", "cat", "rule", "form", "city"]).retrieve("cat")) == [0, 2, 4]


@pytest.mark.parametrize("query", ["tax", "", "the", "税"])
def test_an_empty_corpus_answers_nothing(query: str) -> None:
    retriever = BM25JiebaRetriever([])
    assert retriever.retrieve(query) == []
    assert retriever.retrieve_batch([query, query]) == [[], []]
    assert retriever.scores(query).shape == (0,)


def test_one_document_is_found_by_its_words_only_though_its_weights_are_negative() -> None:
    retriever = _retriever(["tax rule"])
    (found,) = retriever.retrieve("tax")
    assert found.score is not None
    assert found.score < 0
    assert retriever.retrieve("fee") == []


def test_of_two_documents_only_the_one_that_shares_a_word_is_found_though_every_weight_is_zero() -> None:
    (found,) = _retriever(["fee office", "wage month"]).retrieve("fee")
    assert (found.node.node_id, found.score) == ("0", 0.0)


def test_a_document_without_a_query_word_stays_out_though_its_zero_beats_negative_scores() -> None:
    found = _retriever(["tax fee", "tax fee", "tax rule"]).retrieve("fee")
    assert _ids(found) == [0, 1]
    assert all(each.score is not None and each.score < 0 for each in found)


def test_identical_documents_are_all_found_in_node_order() -> None:
    assert _ids(_retriever(["tax rule"] * 4, 3).retrieve("rule")) == [0, 1, 2]


def test_blank_nodes_are_never_found_and_move_nobody() -> None:
    texts = ["", "tax rule", "  \n", "fee", "?!", "city"]
    assert _ids(_retriever(texts).retrieve("tax")) == [1]
    np.testing.assert_allclose(_retriever(texts).scores("tax fee"), _okapi(texts, "tax fee"), atol=1e-9)


def test_a_corpus_of_blank_nodes_answers_nothing() -> None:
    retriever = _retriever(["", " ", "。"])
    assert retriever.retrieve("tax") == []
    assert retriever.scores("tax").tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("query", ["", "   ", "?!", "，。", "unknown words only"])
def test_a_question_without_a_known_word_finds_nothing(query: str) -> None:
    assert _retriever(ENGLISH).retrieve(query) == []


def test_a_question_of_stop_words_finds_exactly_the_nodes_that_hold_them() -> None:
    assert set(_ids(_retriever(ENGLISH).retrieve("the of"))) == {0, 1}


def test_metadata_is_searched_unless_it_is_excluded_from_embedding() -> None:
    shown = TextNode(id_="0", text="how to apply", metadata={"title": "deadline"})
    hidden = TextNode(
        id_="1", text="how to pay", metadata={"title": "deadline"}, excluded_embed_metadata_keys=["title"]
    )
    assert _ids(BM25JiebaRetriever([shown, hidden]).retrieve("deadline")) == [0]


def test_an_async_app_can_ask() -> None:
    async def app() -> list[NodeWithScore]:
        return await _retriever(ENGLISH).aretrieve("wage")

    assert _ids(asyncio.run(app())) == [2]


@pytest.mark.parametrize("top_k", [0, -3])
def test_a_top_k_that_is_not_positive_is_refused(top_k: int) -> None:
    with pytest.raises(ConfigError, match=f"similarity_top_k must be a positive integer, got {top_k}"):
        _retriever(ENGLISH, top_k)


def test_arrays_hold_what_the_nodes_say() -> None:
    retriever = _retriever(ENGLISH, 4)
    found = retriever.search(["tax fee", "unknown"])
    assert found.ids.dtype == np.int32
    assert found.scores.dtype == np.float64
    assert found.ids.tolist() == [[*_ids(retriever.retrieve("tax fee")), *[-1] * 4][:4], [-1] * 4]
    assert found.scores[0, 0] == retriever.scores("tax fee").max()
    assert found.scores[1].tolist() == [-np.inf] * 4


def test_a_search_may_go_deeper_than_the_retriever() -> None:
    assert _retriever(ENGLISH, 1).search(["tax"], k=3).ids.tolist() == [[3, 2, 0]]


@pytest.mark.parametrize("k", [0, -1])
def test_a_k_that_is_not_positive_is_refused(k: int) -> None:
    with pytest.raises(ConfigError, match=f"k must be a positive integer, got {k}"):
        _retriever(ENGLISH).search(["tax"], k)


def test_dirty_nodes_are_found_by_clean_questions_and_stay_as_they_are() -> None:
    dirty = ["研发费\n用加计扣除", "The appor-\ntionment of ＶＡＴ", "停车收费", "permit", "wage"]
    retriever = _retriever(dirty)
    assert _ids(retriever.retrieve("费用")) == [0]
    assert _ids(retriever.retrieve("apportionment")) == [1]
    (found,) = retriever.retrieve("vat")
    assert found.node.get_content() == dirty[1]


def test_terms_are_kept_on_disk_where_a_folder_is_given(tmp_path: Path) -> None:
    nodes = [TextNode(id_=str(i), text=text) for i, text in enumerate(CHINESE)]
    scores = [BM25JiebaRetriever(nodes, cache_dir=tmp_path).scores("企业费用").tolist() for _ in range(2)]
    assert scores[0] == scores[1]
    assert scores[0] == pytest.approx(_okapi(CHINESE, "企业费用"), abs=1e-9)
    assert len(list(tmp_path.iterdir())) == 1


def test_processes_that_are_not_positive_are_refused() -> None:
    with pytest.raises(ConfigError, match="processes must be a positive integer or None, got 0"):
        BM25JiebaRetriever([TextNode(text="tax")], processes=0)
