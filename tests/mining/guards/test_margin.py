"""Retrieval scores against the positive's, source by source."""

from __future__ import annotations

import pytest

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.mining.guards import Margin, MarginGuard
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved


def _passage(key: str, **places: tuple[int, float]) -> Passage:
    retrieved = {source.replace("_", ":"): Retrieved(*place) for source, place in places.items()}
    return Passage(f"text {key}", node_id=key, retrieved=retrieved)


def _example(*positives: Passage) -> RerankExample:
    return RerankExample("q", "What is the fee?", positives)


def _outcomes(guard: MarginGuard, example: RerankExample, *candidates: Passage) -> list[str]:
    return [each.outcome for each in guard.decide(example, candidates)]


FOUND = _example(_passage("fee", bm25=(4, 10.0), dense_mini=(4, 0.8)))


def test_each_source_has_a_margin_on_its_own_scale() -> None:
    candidates = [
        _passage("a", bm25=(5, 9.0)),
        _passage("b", bm25=(6, 8.9)),
        _passage("c", dense_mini=(5, 0.77)),
        _passage("d", dense_mini=(6, 0.75)),
    ]
    assert _outcomes(MarginGuard(), FOUND, *candidates) == ["drop", "keep", "drop", "keep"]
    stricter = MarginGuard({"bm25": Margin(1.0, absolute=1.2), "dense:mini": Margin(0.9)})
    assert _outcomes(stricter, FOUND, *candidates) == ["drop", "drop", "drop", "drop"]
    assert _outcomes(MarginGuard({"bm25": None, "dense": None}), FOUND, *candidates) == ["keep"] * 4


def test_the_reason_names_the_source() -> None:
    assert MarginGuard().decide(FOUND, [_passage("a", bm25=(5, 9.5))])[0].reason == "close to the positive in bm25"


def test_one_source_is_enough_to_drop_a_candidate_of_two() -> None:
    assert _outcomes(MarginGuard(), FOUND, _passage("a", bm25=(9, 1.0), dense_mini=(1, 0.9))) == ["drop"]


def test_the_lowest_of_several_positives_counts() -> None:
    example = _example(_passage("fee", bm25=(1, 20.0)), _passage("cost", bm25=(5, 10.0)), _passage("unfound"))
    assert _outcomes(MarginGuard(), example, _passage("a", bm25=(4, 12.0))) == ["drop"]


def test_a_source_that_missed_the_positive_loses_its_first_candidates_only() -> None:
    example = _example(_passage("fee", dense_mini=(9, 0.1)))
    candidates = [_passage(str(rank), bm25=(rank, 20.0 - rank)) for rank in range(1, 6)]
    assert _outcomes(MarginGuard(), example, *candidates) == ["drop", "drop", "drop", "keep", "keep"]
    assert _outcomes(MarginGuard(unfound_top=0), example, *candidates) == ["keep"] * 5
    reason = MarginGuard().decide(example, candidates)[0].reason
    assert reason == "top of bm25, which missed the positive"


def test_the_positives_place_may_stand_in_the_retrievers_list() -> None:
    listed = RerankExample("q", "What?", (_passage("fee"),), candidates=(_passage("fee", bm25=(4, 10.0)),))
    assert _outcomes(MarginGuard(), listed, _passage("a", bm25=(1, 11.0)), _passage("b", bm25=(5, 2.0))) == [
        "drop",
        "keep",
    ]


def test_drawn_and_given_candidates_and_those_without_a_place_are_kept() -> None:
    candidates = [_passage("a", random=(1, 0.0)), _passage("b", given=(1, 9.0)), _passage("c")]
    assert _outcomes(MarginGuard(), _example(_passage("fee")), *candidates) == ["keep"] * 3


def test_a_share_of_a_negative_score_is_further_below_it() -> None:
    example = _example(_passage("fee", store=(1, -2.0)))
    candidates = [_passage("a", store=(2, -2.0)), _passage("b", store=(3, -2.05)), _passage("c", store=(4, -2.2))]
    assert _outcomes(MarginGuard(), example, *candidates) == ["drop", "drop", "keep"]


@pytest.mark.parametrize("share", [0.0, 1.01, float("nan")])
def test_a_share_is_over_0_and_at_most_1(share: float) -> None:
    with pytest.raises(ConfigError, match="share must be over 0 and at most 1"):
        Margin(share)


def test_other_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"absolute must be 0 or more, got -1"):
        Margin(absolute=-1)
    with pytest.raises(ConfigError, match="unfound_top must be 0 or more, got -1"):
        MarginGuard(unfound_top=-1)
