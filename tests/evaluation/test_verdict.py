"""The verdict's rule."""

from __future__ import annotations

import pytest

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation import BenchmarkResult, Estimate, judge

ABOVE = Estimate(0.1, 0.02, 0.2)
BELOW = Estimate(-0.1, -0.2, -0.02)
OPEN = Estimate(0.1, -0.1, 0.3)
TOUCHING = Estimate(0.1, 0.0, 0.2)


@pytest.mark.parametrize(
    ("retriever", "base", "outcome"),
    [
        (ABOVE, ABOVE, "better"),
        (ABOVE, OPEN, "no evidence"),
        (OPEN, ABOVE, "no evidence"),
        (OPEN, OPEN, "no evidence"),
        (ABOVE, TOUCHING, "no evidence"),
        (BELOW, OPEN, "worse"),
        (ABOVE, BELOW, "worse"),
        (BELOW, ABOVE, "worse"),
        (BELOW, BELOW, "worse"),
    ],
)
def test_better_than_both_or_worse_than_either(retriever: Estimate, base: Estimate, outcome: str) -> None:
    verdict = judge("tuned", "nDCG@10", {"retriever": retriever, "base": base})
    assert verdict.outcome == outcome
    assert verdict.differences == {"retriever": retriever, "base": base}


def test_without_an_opponent_there_is_no_evidence() -> None:
    assert judge("tuned", "nDCG@10", {}).outcome == "no evidence"


def test_the_reason_gives_every_difference_with_its_interval() -> None:
    verdict = judge("tuned", "MRR@10", {"retriever": ABOVE, "base": BELOW})
    assert verdict.reason == (
        "MRR@10 of tuned: +0.1000 [+0.0200, +0.2000] against retriever; -0.1000 [-0.2000, -0.0200] against base"
    )


def _result(
    retriever: list[float], base: list[float], tuned: list[float], groups: list[str] | None = None
) -> BenchmarkResult:
    ids = [f"q{i}" for i in range(len(tuned))]
    columns = {"retriever": retriever, "base": base, "tuned": tuned}
    return BenchmarkResult(
        scores={name: {"nDCG@10": dict(zip(ids, values, strict=True))} for name, values in columns.items()},
        rankings={name: {id_: [] for id_ in ids} for name in columns},
        qrels={id_: {"p": 1} for id_ in ids},
        queries={id_: f"question {id_}" for id_ in ids},
        groups=dict(zip(ids, groups or ids, strict=True)),
        without_candidates=0,
        ceiling={"nDCG@10": 1.0},
        reference="retriever",
        samples=1000,
    )


def test_a_clear_gain_on_many_documents_is_better() -> None:
    verdict = _result([0.25] * 20, [0.5] * 20, [0.75, 1.0] * 10).verdict("tuned", ["retriever", "base"])
    assert (verdict.outcome, verdict.contestant, verdict.metric) == ("better", "tuned", "nDCG@10")
    assert verdict.differences["retriever"].value == pytest.approx(0.625)
    assert verdict.differences["base"].value == pytest.approx(0.375)


def test_a_gain_over_the_base_alone_is_not_better_than_the_retriever() -> None:
    result = _result([0.5, 1.0] * 10, [0.0] * 20, [1.0, 0.5] * 10)
    assert result.verdict("tuned", ["retriever", "base"]).outcome == "no evidence"
    assert result.verdict("tuned", ["base"]).outcome == "better"


def test_a_clear_loss_to_the_retriever_is_worse_whatever_the_base() -> None:
    result = _result([1.0] * 20, [0.0] * 20, [0.5] * 20)
    assert result.verdict("tuned", ["retriever", "base"]).outcome == "worse"


def test_differences_are_paired_by_question() -> None:
    # Questions differ widely, but tuned gains the same little on each of them.
    retriever = [0.0, 0.9] * 10
    difference = _result(retriever, retriever, [each + 0.0625 for each in retriever]).difference(
        "tuned", "retriever", "nDCG@10"
    )
    assert (difference.low, difference.high) == pytest.approx((0.0625, 0.0625))


def test_the_same_scores_on_fewer_documents_may_be_no_evidence() -> None:
    gains = [0.75] * 16 + [0.25] * 4
    alone = _result([0.5] * 20, [0.5] * 20, gains)
    three = _result([0.5] * 20, [0.5] * 20, gains, ["a"] * 8 + ["b"] * 8 + ["c"] * 4)
    assert alone.verdict("tuned", ["retriever", "base"]).outcome == "better"
    assert three.verdict("tuned", ["retriever", "base"]).outcome == "no evidence"


def test_a_single_document_is_no_evidence_for_any_other() -> None:
    result = _result([0.5] * 4, [0.5] * 4, [0.25, 1.0, 0.5, 0.75], ["only.pdf"] * 4)
    assert result.verdict("tuned", ["retriever", "base"]).outcome == "no evidence"


def test_an_unknown_contestant_or_metric_is_refused_with_the_known_ones() -> None:
    result = _result([0.0], [0.0], [1.0])
    with pytest.raises(ConfigError, match="no contestant 'tunde'; there are retriever, base, tuned"):
        result.verdict("tunde", ["retriever"])
    with pytest.raises(ConfigError, match="no contestant 'bm25'"):
        result.verdict("tuned", ["bm25"])
    with pytest.raises(ConfigError, match="no metric 'MRR'; there are nDCG@10"):
        result.verdict("tuned", ["retriever"], "MRR")
