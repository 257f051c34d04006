"""Which candidates become negatives: windows, shares, sampling, diversity, ratio, and the tutorials' recipe."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from llama_index.core.schema import TextNode

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.mining import Selection, tutorial_recipe
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved
from tests.mining.stand_ins import NODES, Listed, descending, ids, questions, unguarded


def _mine(found: Any, nodes: Any = NODES, positives: Any = None, **settings: Any) -> tuple[list[str], Counter[str]]:
    retrievers = found if isinstance(found, dict) else Listed(found)
    generator = unguarded(nodes, retrievers, **settings)
    return ids(generator.generate(questions(positives or {"q": [0]}))), generator.report.refused


def test_the_hardest_are_the_first_of_the_window() -> None:
    selection = Selection(3, random_negatives=0, sampling="hardest")
    assert _mine(descending(5, 0, 4, 3, 2), selection=selection)[0] == ["n05", "n04", "n03"]


def test_first_ranks_are_skipped_by_the_retrievers_rank_and_never_drawn_at_random() -> None:
    selection = Selection(4, random_negatives=1, skip_top=2, depth=2, sampling="hardest")
    negatives, refused = _mine(descending(5, 4, 3, 2, 1), nodes=NODES[:6], selection=selection)
    assert (negatives[:2], negatives[2:]) == (["n03", "n02"], ["n01"])
    assert refused == {"among the first 2": 2}


def test_a_score_window_holds_for_its_source_only() -> None:
    found = {"bm25": Listed(descending(1, 2, 3, 4)), "dense": Listed([("n03", 0.95), ("n05", 0.5), ("n06", 0.1)])}
    selection = Selection(4, random_negatives=0, score_window={"dense": (0.2, 0.9)}, sampling="hardest")
    negatives, refused = _mine(found, selection=selection)
    assert negatives == ["n01", "n02", "n05", "n04"]
    assert refused == {"outside the score window of dense": 2}


def test_shares_divide_the_negatives_between_the_sources() -> None:
    found = {"bm25": Listed(descending(1, 2, 3, 4, 5, 6)), "dense": Listed(descending(11, 12, 13, 14))}
    selection = Selection(9, random_negatives=1, sampling="hardest")
    generator = unguarded(NODES, found, selection=selection, shares={"bm25": 3, "dense": 1})
    negatives = ids(generator.generate(questions({"q": [0]})))
    assert negatives[:8] == ["n01", "n02", "n03", "n04", "n05", "n06", "n11", "n12"]
    assert generator.report.negatives == {"bm25": 6, "dense": 2, "random": 1}


def test_a_passage_of_two_sources_is_taken_once_and_the_next_stands_in() -> None:
    found = {"bm25": Listed(descending(1, 2, 3)), "dense": Listed(descending(1, 2, 3))}
    selection = Selection(2, random_negatives=0, sampling="hardest")
    assert _mine(found, selection=selection, shares={"bm25": 1, "dense": 1})[0] == ["n01", "n02"]


def test_what_a_source_lacks_of_its_share_the_others_give_before_chance() -> None:
    found = {"bm25": Listed(descending(1, 2, 3, 4, 5)), "dense": Listed(descending(0))}
    negatives, _ = _mine(found, shares={"bm25": 1, "dense": 1}, random_negatives=0, negatives_per_query=4)
    assert set(negatives) < {"n01", "n02", "n03", "n04", "n05"}
    assert len(negatives) == 4


def test_shares_hold_on_average_where_they_do_not_divide() -> None:
    found = {"bm25": Listed(descending(1)), "dense": Listed(descending(2))}
    generator = unguarded(NODES, found, negatives_per_query=1, random_negatives=0, shares={"bm25": 3, "dense": 1})
    generator.generate(questions({f"q{i}": [0] for i in range(400)}))
    assert 260 < generator.report.negatives["bm25"] < 340


ALIKE = ["The fee for the form is 40 crowns.", "the fee, for the form, is 40 crowns!", "Small firms may apply in May."]


def _alike(distinct: float | None) -> tuple[list[str], Counter[str]]:
    nodes = [TextNode(id_=f"n{i:02}", text=text) for i, text in enumerate(ALIKE, start=1)]
    dataset = RerankDataset.build([RerankExample("q", "what fee", (Passage("It is high.", "n00", 1.0),))])
    selection = Selection(2, random_negatives=0, distinct=distinct, sampling="hardest")
    generator = unguarded(nodes, Listed(descending(1, 2, 3)), selection=selection)
    return ids(generator.generate(dataset)), generator.report.refused


def test_near_duplicate_negatives_are_not_taken_twice() -> None:
    assert _alike(None) == (["n01", "n02"], {})
    assert _alike(0.8) == (["n01", "n03"], {"near-duplicate of another negative": 1})


def test_a_ratio_counts_negatives_by_positives() -> None:
    selection = Selection(ratio=2, random_negatives=0)
    generator = unguarded(NODES, Listed(descending(*range(1, 15))), selection=selection)
    mined = generator.generate(questions({"one": [0], "three": [0, 18, 19]}))
    assert [len(example.negatives) for example in mined] == [2, 6]


def test_counts_given_to_the_generator_go_before_the_selections() -> None:
    generator = unguarded(NODES, Listed([]), selection=Selection(7, skip_top=2), top_k=12)
    assert generator.selection == Selection(7, skip_top=2, depth=12)


def test_the_tutorials_recipe_takes_the_top_of_bm25_and_one_at_random() -> None:
    generator = unguarded(NODES, Listed(descending(3, 0, 7, 5, 9, 2)), selection=tutorial_recipe(neg_count=5))
    negatives = generator.generate(questions({"q": [0]}))[0].negatives
    assert [passage.key for passage in negatives[:4]] == ["n03", "n07", "n05", "n09"]
    assert len(negatives) == 5
    assert dict(negatives[4].retrieved) == {"random": Retrieved(1, 0.0)}
    assert negatives[4].key not in ("n00", "n02")


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"skip_top": -1}, "skip_top must be at least 0, got -1"),
        ({"ratio": 0}, "ratio must be a positive number, got 0"),
        ({"ratio": float("nan")}, "ratio must be a positive number, got nan"),
        ({"sampling": "best"}, "sampling must be one of hardest, uniform, log_rank, got 'best'"),
        ({"distinct": 0.0}, "distinct must be over 0 and at most 1"),
        ({"score_window": {"bm25": (2, 1)}}, r"score_window\['bm25'\] must be \(lowest, highest\).*got \(2, 1\)"),
        ({"score_window": {"bm25": 3}}, r"score_window\['bm25'\] must be"),
    ],
)
def test_a_selection_that_cannot_work_is_refused(setting: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Selection(**setting)


@pytest.mark.parametrize(
    ("shares", "problem"),
    [
        ({"sparse": 1}, "shares names 'sparse', and the sources are retriever"),
        ({"retriever": -1}, "share of 'retriever' must be a number of at least 0"),
        ({"retriever": 0}, "at least one source a share above 0"),
    ],
)
def test_shares_that_cannot_work_are_refused(shares: dict[str, float], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        unguarded(NODES, Listed([]), shares=shares)
