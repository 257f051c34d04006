"""The report as JSON: what it holds, that it is JSON, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.evaluation.report import load_document
from llama_index_rerank_tuner.evaluation.report.plain import plain
from tests.evaluation.report.small import BASE, QUERIES, small_document, small_result

# Two relevant passages, one of them never found: the ideal gain is 1 + 1 / log2(3).
IDEAL = 1 + 1 / log2(3)
FIRST, SECOND, THIRD = 1 / IDEAL, 1 / log2(3) / IDEAL, 0.5 / IDEAL


def test_the_scores_are_the_results_own() -> None:
    document = small_document()
    tuned = (5 * FIRST + THIRD) / 6
    found = {name: scores["nDCG@10"]["mean"]["value"] for name, scores in document["contestants"].items()}
    assert found == {
        "retriever": pytest.approx(THIRD),
        BASE: pytest.approx(SECOND),
        "tuned": pytest.approx(tuned),
    }
    assert document["contestants"]["tuned"]["nDCG@10"]["percent"] == pytest.approx(100 * (tuned - THIRD) / THIRD)
    assert document["contestants"]["tuned"]["Hit@1"]["percent"] is None
    assert document["comparisons"][BASE]["percent"] == pytest.approx(100 * (tuned - SECOND) / SECOND)
    assert document["comparisons"][BASE]["tally"] == {"wins": 5, "ties": 0, "losses": 1}
    assert document["gains"] == [pytest.approx(FIRST - SECOND)] * 5 + [pytest.approx(THIRD - SECOND)]


def test_the_gap_names_the_regression_first() -> None:
    gap = small_document()["gap"]
    assert gap["cases"][0]["query_id"] == "q5"
    assert gap["cases"][0]["before"] == [0.5, 0.75]
    assert gap["cases"][0]["gap_after"] == -2.0
    assert (gap["totals"]["improved"], gap["totals"]["worse"]) == (5, 1)


def test_p_values_are_corrected_for_the_number_of_opponents() -> None:
    duels = small_document()["comparisons"]
    # Against the base five documents gain .22 and one loses .08: of the 64 sign flips those with no or only the small
    # one flipped are as extreme, and their mirror images.
    assert duels[BASE]["p"] == 4 / 64
    assert duels["retriever"]["p"] == 4 / 64
    assert duels[BASE]["p_holm"] == 8 / 64


def test_it_is_json_through_and_through_and_reads_back(tmp_path: Path) -> None:
    document = small_document()
    (tmp_path / "report.json").write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    assert load_document(tmp_path / "report.json") == document


def test_too_few_documents_have_no_bounds_and_a_verdict_that_says_so() -> None:
    document = small_document(small_result(QUERIES[:4]))
    assert document["contestants"]["tuned"]["nDCG@10"]["mean"]["low"] is None
    assert document["verdict"]["outcome"] == "no evidence"
    assert document["verdict"]["too_small"] is True


def test_the_verdict_is_on_the_retriever_and_the_base_where_none_is_given() -> None:
    assert list(small_document()["verdict"]["differences"]) == ["retriever", BASE]
    assert list(small_document()["verdicts"]) == ["Hit@1"]
    given_one = small_result().verdict("tuned", [BASE], "Hit@1")
    assert small_document(verdict=given_one)["verdict"]["metric"] == "Hit@1"


def test_a_result_without_examples_or_rankings_leaves_those_sections_empty() -> None:
    bare = replace(
        small_result(), examples={}, rankings={n: {f"q{i}": [] for i in range(6)} for n in ("retriever", BASE, "tuned")}
    )
    document = small_document(bare)
    assert (document["cases"], document["slices"], document["gap"]["cases"]) == ([], [], [])
    assert document["distributions"] == {BASE: None, "tuned": None}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"before": "nobody", "after": "tuned"}, "no contestant 'nobody'"),
        ({"before": "tuned", "after": "tuned"}, "before and after are both 'tuned'"),
        ({"before": BASE, "after": "tuned", "metric": "MRR"}, "no metric 'MRR'; there are nDCG@10, Hit@1"),
    ],
)
def test_what_was_not_measured_is_refused(given: dict[str, Any], message: str) -> None:
    from llama_index_rerank_tuner.evaluation.report import report_document

    with pytest.raises(ConfigError, match=message):
        report_document(small_result(), **given)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("{", "not valid JSON"),
        ("[1]", "not a benchmark report"),
        ('{"schema": 1}', "a report of schema 1, not 2"),
        ('{"schema": 2}', 'the report has no "verdict"'),
    ],
)
def test_a_file_that_holds_no_report_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        load_document(path)


def test_numpy_values_become_plain_ones() -> None:
    assert plain({"a": np.float64(0.5), "b": np.array([1, 2]), "c": (np.float32("inf"),)}) == {
        "a": 0.5,
        "b": [1, 2],
        "c": [None],
    }
    with pytest.raises(TypeError, match="cannot hold a set"):
        plain({"a": {1}})


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    )
)
def test_whatever_is_plain_can_be_written_as_json(value: Any) -> None:
    json.dumps(plain(value), allow_nan=False)
