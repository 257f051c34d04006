"""Robustness: what contestants lose on noisy copies."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.robustness import noisy_copy, robustness
from llama_index_rerank_tuner.noise import KINDS, noisy
from llama_index_rerank_tuner.records import Passage, RerankExample
from tests.evaluation.contestants import Sorting, oracle, question

DATASET = RerankDataset.build([question(f"q{number}", ["a", "b", "p"], group=f"g{number}") for number in range(6)])


def test_a_reader_of_exact_words_loses_all_when_their_case_is_turned() -> None:
    [row] = robustness(DATASET, {"oracle": oracle()}, ["case"], [1.0], ["passages"], metric="MRR", samples=50)
    assert (row.where, row.kind, row.rate, row.contestant) == ("passages", "case", 1.0, "oracle")
    # "RIGHT" is not "right": the retriever's order stays, with the positive third.
    assert row.mean.value == pytest.approx(1 / 3)
    assert (row.loss.value, row.loss.low, row.loss.high) == pytest.approx((2 / 3, 2 / 3, 2 / 3))


def test_errors_in_the_query_alone_cost_a_reader_of_passages_nothing() -> None:
    contestant = oracle()
    [row] = robustness(DATASET, {"oracle": contestant}, ["full_width"], [1.0], ["queries"], metric="MRR", samples=50)
    assert (row.mean.value, row.loss.value) == (1.0, 0.0)
    assert contestant.asked[-1] == noisy("question q5", "full_width", 1.0)
    assert contestant.asked[-1] != "question q5"


def test_a_gain_is_a_negative_loss() -> None:
    # Falls for capitals, which only the noise makes: with them, the last of the list is the longest run.
    upper = Sorting(key=lambda text: float(text.isupper()) if "RIGHT" in text else 0.0)
    [row] = robustness(DATASET, {"upper": upper}, ["case"], [1.0], ["passages"], metric="MRR", samples=50)
    assert row.loss.value == pytest.approx(1 / 3 - 1)


def test_a_row_for_every_place_kind_rate_and_contestant_in_order() -> None:
    rows = robustness(
        DATASET[:1], {"one": oracle(), "two": oracle()}, ["typo", "drop"], [0.1, 0.2], ["queries", "passages"],
        samples=10,
    )  # fmt: skip
    told = [(row.where, row.kind, row.rate, row.contestant) for row in rows]
    assert told == [
        (where, kind, rate, name)
        for where in ("queries", "passages")
        for kind in ("typo", "drop")
        for rate in (0.1, 0.2)
        for name in ("one", "two")
    ]


def test_every_kind_is_measured_at_1_5_and_10_percent_by_default() -> None:
    contestant = oracle()
    rows = robustness(DATASET, {"oracle": contestant}, questions=1, samples=10)
    assert len(rows) == 2 * len(KINDS) * 3
    assert {row.rate for row in rows} == {0.01, 0.05, 0.10}
    assert len(contestant.asked) == 1 + 36


def test_bare_texts_keep_their_labels_when_their_text_changes() -> None:
    positive, negative = Passage("right", label=1.0), Passage("wrong")
    example = RerankExample("q", "q?", (positive,), candidates=(negative, positive))
    dataset = DATASET.with_examples([example])
    reader = Sorting(key=lambda text: float("RIGHT" in text.upper()))
    [row] = robustness(dataset, {"reader": reader}, ["case"], [1.0], ["passages"], metric="MRR", samples=10)
    assert (row.mean.value, row.loss.value) == (1.0, 0.0)


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(st.text(max_size=30), min_size=1, max_size=4),
    kind=st.sampled_from(KINDS),
    rate=st.floats(0, 1),
    seed=st.integers(0, 5),
)
def test_a_noisy_copy_changes_texts_and_nothing_else(texts: list[str], kind: str, rate: float, seed: int) -> None:
    found = tuple(Passage(text, f"n{place}", group="g") for place, text in enumerate(texts))
    example = RerankExample("q", "Who may apply?", (found[0],), (), found, "g", {"kept": 1})
    dataset = DATASET.with_examples([example])
    in_passages = noisy_copy(dataset, "passages", kind, rate, seed)[0]  # type: ignore[arg-type]
    in_query = noisy_copy(dataset, "queries", kind, rate, seed)[0]  # type: ignore[arg-type]
    assert [each.key for each in in_passages.candidates or ()] == [each.key for each in found]
    assert [each.group for each in in_passages.candidates or ()] == ["g"] * len(found)
    assert (in_passages.query, in_passages.qrels, in_passages.metadata) == (example.query, example.qrels, {"kept": 1})
    assert (in_query.candidates, in_query.qrels) == (found, example.qrels)
    assert dataset[0] == example


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rerankers": {}}, "rerankers must not be empty"),
        ({"kinds": []}, "kinds must not be empty"),
        ({"kinds": ["smudge"]}, "no noise 'smudge'"),
        ({"rates": [1.5]}, "rate must be a number from 0 to 1, got 1.5"),
        ({"where": ["titles"]}, "where must be 'passages' or 'queries', got 'titles'"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_any_reranker_has_worked(
    settings: dict[str, object], message: str
) -> None:
    contestant = oracle()
    with pytest.raises(ConfigError, match=message):
        robustness(DATASET, **{"rerankers": {"oracle": contestant}, **settings})  # type: ignore[arg-type]
    assert contestant.asked == []
