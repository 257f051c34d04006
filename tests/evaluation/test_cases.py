"""The case browser."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.evaluation.cases import case_browser
from llama_index_rerank_tuner.records import Passage, RerankExample
from tests.evaluation.measured import question, scored

FOUND, MISSED = Passage("The fee is 40.", node_id="p1", label=2.0), Passage("Nothing is paid.", node_id="p2", label=1.0)
OTHER = Passage("The form is AP-2.", node_id="n1")


def _asked() -> RerankExample:
    return RerankExample("q", "What is the fee?", (FOUND, MISSED), (), (OTHER, FOUND), group="guide")


def test_a_case_shows_both_rankings_with_texts_grades_and_what_retrieval_missed() -> None:
    result = scored([_asked()], [0.25], [0.75])
    result = replace(result, rankings={"base": result.rankings["base"], "tuned": {"q": [("p1", 3.5), ("n1", -1.0)]}})
    (case,) = case_browser(result, "base", "tuned")
    missed = [{"key": "p2", "text": "Nothing is paid.", "relevant": 1}]
    form = {"key": "n1", "text": "The form is AP-2.", "relevant": 0}
    fee = {"key": "p1", "text": "The fee is 40.", "relevant": 2}
    assert json.loads(json.dumps(case)) == {
        "query_id": "q",
        "query": "What is the fee?",
        "group": "guide",
        "before": {"score": 0.25, "ranking": [form | {"score": 0.0}, fee | {"score": -1.0}], "missed": missed},
        "after": {"score": 0.75, "ranking": [fee | {"score": 3.5}, form | {"score": -1.0}], "missed": missed},
    }


def test_what_a_reranker_cut_off_was_not_missed_by_retrieval() -> None:
    result = scored([_asked()], [0.0], [0.0])
    result = replace(result, rankings={"base": {"q": [("n1", 1.0)]}, "tuned": {"q": []}})
    (case,) = case_browser(result, "base", "tuned")
    assert [each["key"] for each in case["after"]["missed"]] == ["p2"]
    assert case["after"]["ranking"] == []


def test_without_candidates_every_positive_was_missed() -> None:
    (case,) = case_browser(scored([replace(_asked(), candidates=())], [0.0], [0.0]), "base", "tuned")
    assert [each["key"] for each in case["before"]["missed"]] == ["p1", "p2"]


def test_the_worst_change_stands_first_and_no_more_than_asked() -> None:
    examples = [question(each) for each in "abcd"]
    result = scored(examples, [0.5, 0.5, 0.5, 0.0], [0.5, 0.75, 0.0, 0.0])
    assert [case["query_id"] for case in case_browser(result, "base", "tuned")] == ["c", "a", "d", "b"]
    assert [case["query_id"] for case in case_browser(result, "base", "tuned", most=2)] == ["c", "a"]
    assert [case["query_id"] for case in case_browser(result, "tuned", "base")] == ["b", "a", "d", "c"]


def test_ten_passages_of_400_characters_are_shown() -> None:
    candidates = tuple(Passage("x" * (396 + i), node_id=str(i)) for i in range(12))
    (case,) = case_browser(scored([question("q", candidates=candidates)], [0.0], [0.0]), "base", "tuned")
    texts = [each["text"] for each in case["before"]["ranking"]]
    assert [len(text) for text in texts] == [396, 397, 398, 399, 400, 400, 400, 400, 400, 400]
    assert texts[4:6] == ["x" * 400, "x" * 399 + "…"]


def test_a_passage_that_nobody_knows_has_no_text() -> None:
    result = replace(scored([_asked()], [0.0], [0.0]), rankings={"base": {"q": [("new", 1.0)]}, "tuned": {"q": []}})
    (shown,) = case_browser(result, "base", "tuned")[0]["before"]["ranking"]
    assert shown == {"key": "new", "text": "", "score": 1.0, "relevant": 0}


def test_bad_arguments_are_refused() -> None:
    result = scored([_asked()], [0.0], [0.0])
    with pytest.raises(ConfigError, match="positive number of questions, got 0"):
        case_browser(result, "base", "tuned", most=0)
    with pytest.raises(ConfigError, match="no contestant 'tunde'"):
        case_browser(result, "base", "tunde")
    with pytest.raises(ConfigError, match="no metric 'MRR'"):
        case_browser(result, "base", "tuned", "MRR")
    with pytest.raises(DataError, match="query 'q': the result holds no example"):
        case_browser(replace(result, examples={}), "base", "tuned")
