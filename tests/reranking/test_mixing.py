"""The mix of a reranker's score with the retriever's rank, and how its weight is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.reranking.mixing import MIX_FILE, RankMix, ScoredList, fit_mix

SCORES = st.lists(st.floats(-20, 20).map(lambda score: round(score, 3)), max_size=12)
SECOND = 0.6309297535714575
"""nDCG of a single positive at rank 2."""


def _order(mix: RankMix, scores: list[float]) -> list[int]:
    return [int(i) for i in np.argsort(-mix.combine(np.array(scores)), kind="stable")]


def _list(name: str, scores: list[float], positive: int, group: str | None = None) -> ScoredList:
    keys = tuple(f"{name}-{rank}" for rank in range(len(scores)))
    return ScoredList(name, group or name, keys, np.array(scores), {f"{name}-{positive}": 1})


@given(SCORES)
def test_weight_0_keeps_the_retrievers_order(scores: list[float]) -> None:
    assert _order(RankMix(0.0), scores) == list(range(len(scores)))


@given(SCORES)
def test_weight_1_is_the_score_alone_with_ties_in_the_retrievers_order(scores: list[float]) -> None:
    assert _order(RankMix(1.0), scores) == sorted(range(len(scores)), key=lambda i: (-scores[i], i))


@given(SCORES, st.floats(0.1, 100), st.floats(-50, 50), st.sampled_from([0.25, 0.6, 0.9]))
def test_the_scale_of_the_scores_makes_no_difference(
    scores: list[float], factor: float, shift: float, weight: float
) -> None:
    mixed = RankMix(weight).combine(np.array(scores))
    scaled = RankMix(weight).combine(np.array(scores) * factor + shift)
    np.testing.assert_allclose(scaled - scaled[:1], mixed - mixed[:1], atol=1e-6)


def test_a_mix_computed_by_hand() -> None:
    # Two candidates: ranks become +1, -1 and scores -1, +1.
    np.testing.assert_allclose(RankMix(0.75).combine(np.array([2.0, 8.0])), [-0.5, 0.5])
    np.testing.assert_allclose(RankMix(0.25).combine(np.array([2.0, 8.0])), [0.5, -0.5])


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_lists_of_no_and_one_candidate_and_of_equal_scores_stay_as_they_are(weight: float) -> None:
    mix = RankMix(weight)
    assert mix.combine(np.array([])).shape == (0,)
    assert _order(mix, [3.0]) == [0]
    assert _order(mix, [0.1, 0.1, 0.1]) == [0, 1, 2]


def test_mixing_leaves_the_given_scores_alone() -> None:
    scores = np.array([3.0, 1.0])
    RankMix(0.5).combine(scores)
    assert scores.tolist() == [3.0, 1.0]


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_outside_0_to_1_is_refused(weight: float) -> None:
    with pytest.raises(ConfigError, match=f"between 0 and 1, got {weight}"):
        RankMix(weight)


def test_a_useless_scorer_beside_a_good_retriever_gets_weight_0() -> None:
    noise = np.random.default_rng(0)
    lists = [_list(f"q{i}", noise.normal(size=10).tolist(), positive=0) for i in range(40)]
    mix = fit_mix(lists)
    assert mix.weight < 0.1
    assert mix.evidence["nDCG@10 mixed, out of fold"] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_useless_scorer_costs_an_imperfect_retriever_next_to_nothing(seed: int) -> None:
    noise = np.random.default_rng(seed)
    places = np.minimum(noise.exponential(2, size=150).astype(int), 19)
    lists = [_list(f"q{i}", noise.normal(size=20).tolist(), positive=int(place)) for i, place in enumerate(places)]
    mix = fit_mix(lists)
    assert mix.weight <= 0.35
    assert mix.evidence["nDCG@10 mixed, out of fold"] > mix.evidence["nDCG@10 retriever"] - 0.02
    assert mix.evidence["nDCG@10 mixed, out of fold"] > mix.evidence["nDCG@10 reranker alone"] + 0.3


def test_a_perfect_scorer_beside_a_bad_retriever_gets_a_high_weight() -> None:
    # Six graded passages, worst first: only a weight above 0.6 puts all of them right.
    keys, grades = tuple("abcdef"), np.arange(1.0, 7.0)
    qrels = {key: int(grade) for key, grade in zip(keys, grades, strict=True)}
    mix = fit_mix([ScoredList(f"q{i}", f"q{i}", keys, grades, qrels) for i in range(10)], "bm25")
    assert mix.weight > 0.6
    assert mix.retriever == "bm25"
    assert mix.evidence["nDCG@10 mixed, out of fold"] == pytest.approx(1.0)
    assert mix.evidence["nDCG@10 reranker alone"] == pytest.approx(1.0)
    assert mix.evidence["nDCG@10 retriever"] < 0.8


def test_the_evidence_of_every_question_comes_from_a_weight_chosen_without_it() -> None:
    # "rank" is right by rank alone, "score" by score alone: each fold's weight suits only the other.
    lists = [_list("rank", [0.0, 1.0], positive=0), _list("score", [0.0, 1.0], positive=1)]
    mix = fit_mix(lists, folds=2)
    assert sorted(mix.evidence["fold_weights"]) == [0.0, 0.55]
    assert mix.weight == 0.0, "out of fold it falls below the retriever, so the retriever's order is kept"
    assert mix.evidence["nDCG@10 mixed, out of fold"] == pytest.approx(SECOND)
    assert mix.evidence["nDCG@10 reranker alone"] == pytest.approx((1 + SECOND) / 2)
    assert mix.evidence["nDCG@10 retriever"] == pytest.approx((1 + SECOND) / 2)


def test_questions_of_one_group_never_choose_each_others_weight() -> None:
    # Were the three questions of "score" spread over folds, one of them would be mixed well by the other two.
    by_score = [_list(f"score{i}", [0.0, 1.0], positive=1, group="score") for i in range(3)]
    by_rank = [_list(f"rank{i}", [0.0, 1.0], positive=0, group="rank") for i in range(3)]
    mix = fit_mix([*by_score, *by_rank])
    assert mix.evidence["nDCG@10 mixed, out of fold"] == pytest.approx(SECOND)
    assert (mix.evidence["questions"], mix.evidence["groups"]) == (6, 2)
    assert len(mix.evidence["fold_weights"]) == 2


def test_a_positive_that_retrieval_missed_counts_against_everybody() -> None:
    lists = [ScoredList(f"q{i}", f"q{i}", ("a", "b"), np.array([0.0, 1.0]), {"missed": 1}) for i in range(3)]
    assert fit_mix(lists).evidence["nDCG@10 reranker alone"] == 0.0


def test_a_question_without_candidates_scores_0_and_breaks_nothing() -> None:
    empty = ScoredList("empty", "empty", (), np.array([]), {"a": 1})
    evidence = fit_mix([empty, _list("q", [1.0, 0.0], positive=0)]).evidence
    assert evidence["nDCG@10 retriever"] == 0.5


def test_the_same_seed_gives_the_same_mix() -> None:
    noise = np.random.default_rng(2)
    lists = [_list(f"q{i}", noise.normal(size=8).tolist(), positive=i % 8) for i in range(30)]
    assert fit_mix(lists, seed=5) == fit_mix(lists, seed=5)
    assert fit_mix(lists[::-1], seed=5).weight == fit_mix(lists, seed=5).weight


@pytest.mark.parametrize("lists", [[], [_list("a", [1.0, 0.0], 0, "g"), _list("b", [1.0, 0.0], 0, "g")]])
def test_under_two_groups_cannot_be_cross_fitted(lists: list[ScoredList]) -> None:
    with pytest.raises(DataError, match=r"groups cannot be cross-fitted.*Give at least two"):
        fit_mix(lists)


@pytest.mark.parametrize("folds", [1, 0, -1])
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
def test_under_two_folds_are_refused(folds: int) -> None:
    with pytest.raises(ConfigError, match="folds"):
        fit_mix([_list(f"q{i}", [0.0, 1.0], positive=1) for i in range(4)], folds=folds)


def test_a_saved_mix_loads_as_it_was(tmp_path: Path) -> None:
    mix = fit_mix([_list("rank", [0.0, 1.0], 0), _list("score", [0.0, 1.0], 1)], "融合")
    mix.save(tmp_path)
    assert RankMix.load(tmp_path) == mix


def test_a_checkpoint_without_a_mix_has_none(tmp_path: Path) -> None:
    assert RankMix.load(tmp_path) is None
    assert RankMix.load(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "damaged",
    [b"", b"{", b"[]", b"null", b"{}", b'{"weight": 2}', b'{"weight": "half"}', b'{"wait": 0.5}', b"\xff\xfe{}"],
)
def test_a_damaged_file_is_named_with_the_way_out(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / MIX_FILE).write_bytes(damaged)
    with pytest.raises(DataError, match=r"not a mix .*Remove the file to serve without it") as error:
        RankMix.load(tmp_path)
    assert str(tmp_path / MIX_FILE) in str(error.value)
