"""Slices: where a reranker helps, and where not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.evaluation.slices import Slice, slices
from llama_index_rerank_tuner.evaluation.statistics import Estimate, cluster_bootstrap
from llama_index_rerank_tuner.records import Passage, RerankExample
from tests.evaluation.measured import question, scored


def _halves(first: Callable[[int], RerankExample], second: Callable[[int], RerankExample]) -> list[RerankExample]:
    """Five questions of each of two kinds."""
    return [first(i) for i in range(5)] + [second(i) for i in range(5, 10)]


def _cut(by: str, examples: list[RerankExample]) -> dict[str, int]:
    result = scored(examples, [0.0] * len(examples), [1.0] * len(examples))
    return {each.value: each.questions for each in slices(result, "base", "tuned") if each.by == by}


def _differ(by: str, one: RerankExample, other: RerankExample) -> list[str]:
    """Values of the slices of five questions like the one, and five like the other."""
    copies = _halves(lambda i: replace(one, query_id=f"q{i}"), lambda i: replace(other, query_id=f"q{i}"))
    return list(_cut(by, copies))


def test_a_slice_holds_both_means_and_the_paired_change_with_its_interval() -> None:
    examples = _halves(lambda i: question(f"q{i}", "Who?"), lambda i: question(f"q{i}", "When?"))
    after = [0.5, 0.5, 0.0, 0.0, 0.0, *[0.75] * 5]
    result = scored(examples, [0.5] * 10, after)
    worse, better = (each for each in slices(result, "base", "tuned") if each.by == "question word")
    lost = {f"q{i}": after[i] - 0.5 for i in range(5)}
    interval = cluster_bootstrap(lost, {f"q{i}": f"query:q{i}" for i in range(5)}, samples=200)
    assert worse == Slice("question word", "who", 5, 0.5, 0.2, interval)
    assert better == Slice("question word", "when", 5, 0.5, 0.75, Estimate(0.25, 0.25, 0.25))


def test_the_worst_slice_stands_first_whatever_its_kind() -> None:
    examples = _halves(
        lambda i: question(f"q{i}", "Who?", group="a"),
        lambda i: question(f"q{i}", "谁可以申请？", group="b" if i < 8 else "a"),
    )
    result = scored(examples, [0.5] * 10, [0.25] * 5 + [1.0] * 5)
    found = slices(result, "base", "tuned")
    changes = [each.change.value for each in found]
    assert changes == sorted(changes)
    assert len(found) >= 3
    assert {found[0].by, found[-1].by} <= {"language", "query length"}


def test_under_five_questions_there_is_no_slice_and_all_questions_are_none_either() -> None:
    words = ["Who?"] * 5 + ["When?"] * 4
    assert _cut("question word", [question(f"q{i}", word) for i, word in enumerate(words)]) == {"who": 5}
    assert _cut("question word", [question(f"q{i}", "Who?") for i in range(9)]) == {}


def test_under_five_source_documents_the_interval_is_unbounded_and_none_in_json() -> None:
    examples = _halves(lambda i: question(f"q{i}", group="a"), lambda i: question(f"q{i}", group="b"))
    found = slices(scored(examples, [0.0] * 10, [1.0] * 10), "base", "tuned")
    assert {each.by for each in found} == {"source document"}
    assert not any(each.change.bounded for each in found)
    assert json.loads(json.dumps(found[0].to_dict()))["change"] == {"value": 1.0, "low": None, "high": None}


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (1, "up to 5 words"),
        (5, "up to 5 words"),
        (6, "6–10 words"),
        (10, "6–10 words"),
        (11, "11–20 words"),
        (20, "11–20 words"),
        (21, "over 20 words"),
    ],
)
def test_the_classes_of_query_length(words: int, value: str) -> None:
    other = "one two three four five six seven" if words <= 5 else "one"
    assert value in _differ("query length", question("q", " ".join(["word"] * words) + "?"), question("q", other))


def test_a_chinese_character_is_a_word() -> None:
    assert _differ("query length", question("q", "如何申报R&D费用？"), question("q", "如何？")) == [
        "6–10 words",
        "up to 5 words",
    ]


def test_the_classes_of_passage_length_are_of_the_first_positive() -> None:
    short, long = "word " * 50, "word " * 301
    found = _differ("passage length", question("q", "?", short, long), question("q", "?", long, short))
    assert found == ["up to 50 words", "over 300 words"]
    assert _differ("passage length", question("q", "?", "word " * 51), question("q", "?", "字" * 151)) == [
        "51–150 words",
        "151–300 words",
    ]


def test_languages_and_question_words_are_english_and_chinese() -> None:
    english, chinese = question("q", "Why does it cost more?"), question("q", "为什么费用更高？")
    assert _differ("language", english, chinese) == ["Latin script", "Chinese"]
    assert _differ("question word", chinese, question("q", "在哪里申请？")) == ["why", "where"]


def _in_section(text: str = "An answer.", **metadata: str) -> RerankExample:
    return question("q", positives=(Passage(text, metadata=metadata),))


def test_the_section_is_the_positives_the_questions_or_that_in_the_positives_text() -> None:
    named = _in_section(section="Fees")
    assert _differ("section", named, question("q", metadata={"header_path": "/Forms"})) == ["Fees", "/Forms"]
    assert _differ("section", named, _in_section("title: Guide\nsection: Who may apply\n\nFirms.")) == [
        "Fees",
        "Who may apply",
    ]


@pytest.mark.parametrize("text", ["section: one line only", "Firms.\n\nsection: Fees", "the section: Fees\n\nFirms."])
def test_a_section_in_the_middle_of_a_text_is_none(text: str) -> None:
    assert _differ("section", _in_section(text), _in_section(section="Fees")) == ["Fees"]


def test_a_question_without_a_source_document_is_in_no_slice_of_documents() -> None:
    assert _differ("source document", question("q"), question("q", group="guide")) == ["guide"]


@pytest.mark.parametrize(("number", "value"), [(1, "1"), (2, "2"), (3, "3–5"), (5, "3–5"), (6, "over 5")])
def test_the_number_of_positives(number: int, value: str) -> None:
    other = question("q", "?", *map(str, range(4 if number < 3 else 1)))
    assert _differ("positives", question("q", "?", *map(str, range(number))), other)[0] == value


def test_an_unknown_contestant_or_metric_is_refused() -> None:
    result = scored([question("q")], [0.0], [1.0])
    with pytest.raises(ConfigError, match="no contestant 'tunde'"):
        slices(result, "base", "tunde")
    with pytest.raises(ConfigError, match="no metric 'MRR'"):
        slices(result, "base", "tuned", "MRR")


def test_a_result_without_examples_is_refused() -> None:
    result = replace(scored([question("q")], [0.0], [1.0]), examples={})
    with pytest.raises(DataError, match="holds no example"):
        slices(result, "base", "tuned")
