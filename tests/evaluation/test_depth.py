"""The depth sweep: quality by depth, and what it recommends."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.depth import depth_sweep
from tests.evaluation.contestants import Sorting, by_last_letter, oracle, question

# The positive stands third in one list, sixth in the other; a third list is short.
DATASET = RerankDataset.build(
    [question("third", list("zyp")), question("sixth", list("zyxwvpu")), question("second", list("zp"))]
)


def test_every_contestant_stands_at_every_depth_with_its_figures() -> None:
    sweep = depth_sweep(DATASET, {"oracle": oracle()}, depths=[5, 2], metric="MRR", samples=10)
    assert [(row.depth, row.contestant) for row in sweep.rows] == [
        (2, "retriever"), (2, "oracle"), (5, "retriever"), (5, "oracle")
    ]  # fmt: skip
    assert [row.mean.value for row in sweep.rows] == pytest.approx([1 / 6, 1 / 3, (1 / 2 + 1 / 3) / 3, 2 / 3])
    assert [row.p50 > 0 for row in sweep.rows] == [False, True, False, True]
    assert all(row.p50 <= row.p95 for row in sweep.rows)
    assert sweep.metric == "MRR"


def test_depths_beyond_the_longest_list_are_measured_once_as_its_length() -> None:
    sweep = depth_sweep(DATASET, {}, depths=[5, 50, 100, 5], samples=10)
    assert [row.depth for row in sweep.rows] == [5, 7]


def test_the_smallest_depth_that_loses_nothing_is_recommended() -> None:
    sweep = depth_sweep(DATASET, {"oracle": oracle()}, depths=[3, 6, 7], metric="MRR", samples=10)
    assert (sweep.recommended.similarity_top_k, sweep.recommended.top_n) == (6, 1)
    assert sweep.recommended.reason.startswith("oracle reaches MRR 1.000 over 6 candidates in ")
    assert sweep.recommended.reason.endswith("The first 1 hold 100 % of the relevant passages among the candidates.")


def test_top_n_holds_nearly_all_positives_within_reach() -> None:
    dataset = RerankDataset.build([question("q", ["a", "p1", "b", "p2", "p3"], ["p1", "p2", "p3", "p-missed"])])
    sweep = depth_sweep(dataset, {"oracle": oracle()}, depths=[5], samples=10)
    assert sweep.recommended.top_n == 3


def test_where_no_reranker_is_above_the_retriever_nothing_is_reranked() -> None:
    dataset = RerankDataset.build([question("q", ["a", "p", "z", "y"])])
    sweep = depth_sweep(dataset, {"last": by_last_letter()}, depths=[2, 4], metric="MRR", samples=10)
    assert sweep.recommended.reason.startswith("last reaches MRR 1.000 over 2 candidates")
    worse = depth_sweep(dataset, {"last": by_last_letter()}, depths=[4], metric="MRR", samples=10)
    assert (worse.recommended.similarity_top_k, worse.recommended.top_n) == (2, 2)
    assert worse.recommended.reason.startswith(
        "no reranker was above the retriever's own order (MRR 0.500), so nothing is reranked"
    )


def test_a_tie_with_the_retriever_goes_to_the_retriever() -> None:
    dataset = RerankDataset.build([question("q", ["p", "a"])])
    assert "nothing is reranked" in depth_sweep(dataset, {"oracle": oracle()}, samples=10).recommended.reason


def test_without_a_relevant_candidate_nothing_is_said_of_top_n() -> None:
    dataset = RerankDataset.build([question("q", ["a", "b"]), question("empty", [])])
    sweep = depth_sweep(dataset, {"oracle": oracle()}, depths=[1, 2], samples=10)
    assert sweep.recommended.reason.endswith("nothing can be said of top_n.")
    assert sweep.recommended.top_n <= sweep.recommended.similarity_top_k


def test_some_questions_can_be_drawn_the_same_ones_for_a_seed() -> None:
    dataset = RerankDataset.build([question(f"q{number}", ["a", "p"]) for number in range(20)])
    asked = []
    for seed in (0, 0, 1):
        contestant = oracle()
        depth_sweep(dataset, {"oracle": contestant}, depths=[2], questions=3, samples=10, seed=seed)
        asked.append(contestant.asked[1:])
    assert len(set(asked[0])) == 3
    assert asked[0] == asked[1] != asked[2]


def test_a_journal_keeps_the_times(tmp_path: Path) -> None:
    contestant, journal = oracle(), tmp_path / "journal.jsonl"
    first = depth_sweep(DATASET, {"oracle": contestant}, depths=[2, 5], journal=journal, samples=10)
    contestant.asked.clear()
    assert depth_sweep(DATASET, {"oracle": contestant}, depths=[2, 5], journal=journal, samples=10) == first
    # Only the warming question is asked again.
    assert contestant.asked == ["question sixth"]


@pytest.mark.parametrize("depths", [[], [0, 5]])
def test_depths_that_are_none_are_refused_before_any_reranker_has_worked(depths: list[int]) -> None:
    contestant = Sorting(key=len)
    with pytest.raises(ConfigError, match="depths must be positive numbers of candidates"):
        depth_sweep(DATASET, {"len": contestant}, depths=depths)
    with pytest.raises(ConfigError, match="questions must be a positive number"):
        depth_sweep(DATASET, {"len": contestant}, questions=0)
    with pytest.raises(ConfigError, match="has no candidates"):
        depth_sweep(RerankDataset.build([question("q", None)]), {"len": contestant})
    assert contestant.asked == []
