"""The verdict's rule."""

from __future__ import annotations

import numpy as np
import pytest

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.evaluation import BenchmarkResult, Estimate, judge
from llama_index_rerank_tuner.evaluation.power import smallest_detectable
from llama_index_rerank_tuner.evaluation.verdict import compare

ABOVE = Estimate(0.1, 0.02, 0.2)
BELOW = Estimate(-0.1, -0.2, -0.02)
OPEN = Estimate(0.1, -0.1, 0.3)
TOUCHING = Estimate(0.1, 0.0, 0.2)
NOISES = {"calm": 0.05, "noisy": 0.2}


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
    verdict = judge("tuned", "nDCG@10", {"retriever": retriever, "base": base}, {"retriever": 0.01, "base": 0.01})
    assert verdict.outcome == outcome
    assert verdict.differences == {"retriever": retriever, "base": base}


def test_without_an_opponent_there_is_no_evidence() -> None:
    assert compare("tuned", "nDCG@10", {}, {}).outcome == "no evidence"
    assert judge("tuned", "nDCG@10", {}, {}).outcome == "no evidence"


def test_the_reason_gives_every_difference_with_its_interval() -> None:
    verdict = judge("tuned", "MRR@10", {"retriever": ABOVE, "base": BELOW}, {"retriever": 0.0049, "base": 0.03})
    assert verdict.reason == (
        "MRR@10 of tuned: +0.1000 [+0.0200, +0.2000], p = 0.0049 against retriever; "
        "-0.1000 [-0.2000, -0.0200], p = 0.0300 against base"
    )


def test_a_difference_without_its_p_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="missing for base"):
        judge("tuned", "MRR", {"retriever": ABOVE, "base": BELOW}, {"retriever": 0.01})


@pytest.mark.parametrize(
    ("differences", "p_values", "outcome"),
    [
        ([ABOVE, ABOVE], [0.04, 0.04], "better"),
        ([ABOVE, ABOVE], [0.01, 0.041], "no evidence"),
        ([ABOVE, OPEN], [0.01, 0.01], "no evidence"),
        ([BELOW], [0.04], "worse"),
        ([BELOW], [0.041], "no evidence"),
        # Against two opponents the smaller p value counts twice.
        ([BELOW, OPEN], [0.02, 0.9], "worse"),
        ([BELOW, OPEN], [0.021, 0.9], "no evidence"),
        ([BELOW, BELOW], [0.03, 0.03], "no evidence"),
        ([OPEN, BELOW, ABOVE], [0.9, 0.016, 0.001], "worse"),
        ([OPEN], [0.001], "no evidence"),
    ],
)
def test_interval_and_p_value_both_decide_and_worse_is_corrected(
    differences: list[Estimate], p_values: list[float], outcome: str
) -> None:
    names = [f"opponent {place}" for place in range(len(differences))]
    verdict = judge("tuned", "MRR", dict(zip(names, differences, strict=True)), dict(zip(names, p_values, strict=True)))
    assert verdict.outcome == outcome
    assert list(verdict.p_values.values()) == p_values


@pytest.mark.parametrize(
    ("difference", "detectable", "groups", "too_small"),
    [
        (OPEN, 0.101, 50, True),
        (OPEN, 0.1, 50, False),
        (OPEN, None, 50, False),
        (OPEN, None, 5, True),
        (OPEN, None, 6, False),
        (ABOVE, 0.3, 50, False),
        (BELOW, 0.3, 50, False),
    ],
)
def test_only_where_nothing_was_called_can_a_test_set_be_too_small(
    difference: Estimate, detectable: float | None, groups: int, too_small: bool
) -> None:
    verdict = judge("tuned", "MRR", {"base": difference}, {"base": 0.01}, detectable, groups)
    assert verdict.too_small is too_small
    assert ("too small" in verdict.reason) is too_small


def test_the_reason_gives_p_values_and_what_could_have_been_shown() -> None:
    verdict = judge("tuned", "nDCG@10", {"base": ABOVE}, {"base": 0.0123}, 0.0871, 40)
    assert verdict.reason == (
        "nDCG@10 of tuned: +0.1000 [+0.0200, +0.2000], p = 0.0123 against base. "
        "The test set could have shown a difference of 0.0871 or more (80 % power)"
    )


def test_a_test_set_that_is_too_small_says_so_and_what_it_lacks() -> None:
    few = compare("tuned", "MRR", {"base": dict.fromkeys("abcde", 0.5)}, {query: query for query in "abcde"})
    assert (few.outcome, few.too_small, few.smallest_detectable, few.groups) == ("no evidence", True, None, 5)
    assert few.reason.endswith("The test set is too small: 5 source documents, and a verdict needs 6")
    assert few.differences["base"].above_zero
    noisy = {f"q{place}": (-1) ** place * 0.5 for place in range(20)}
    wide = compare("tuned", "MRR", {"base": noisy}, {query: query for query in noisy})
    assert (wide.outcome, wide.too_small) == ("no evidence", True)
    assert "The test set is too small for a verdict: it could have shown only a difference of 0.3" in wide.reason


def test_six_documents_that_agree_are_enough() -> None:
    gains = {query: 0.2 + place / 100 for place, query in enumerate("abcdef")}
    groups = {query: query for query in gains}
    assert compare("tuned", "MRR", {"base": gains}, groups).outcome == "better"
    losses = {query: -gain for query, gain in gains.items()}
    assert compare("tuned", "MRR", {"base": losses}, groups).outcome == "worse"
    # 2/64 twice is 0.0625.
    assert compare("tuned", "MRR", {"base": losses, "retriever": losses}, groups).outcome == "no evidence"
    assert compare("tuned", "MRR", {"base": gains, "retriever": gains}, groups).outcome == "better"


def test_what_could_be_shown_holds_for_all_opponents_at_once() -> None:
    rng = np.random.default_rng(0)
    paired = {name: {f"q{place}": rng.normal(0, spread) for place in range(40)} for name, spread in NOISES.items()}
    groups = {f"q{place}": f"d{place // 2}" for place in range(40)}
    both = compare("tuned", "MRR", paired, groups).smallest_detectable
    assert both == smallest_detectable(paired["noisy"], groups, power=0.9)
    assert compare("tuned", "MRR", {"calm": paired["calm"]}, groups).smallest_detectable == smallest_detectable(
        paired["calm"], groups
    )
    alike = paired | {"twin": dict.fromkeys(groups, 0.0)}
    assert compare("tuned", "MRR", alike, groups).smallest_detectable is None


def test_noise_is_seldom_called_and_what_can_be_detected_mostly_is() -> None:
    """200 sets of 15 documents: binomially, over 19 of them are called by chance in one case of a thousand."""
    rng = np.random.default_rng(0)
    groups = {f"q{place}": f"d{place // 3}" for place in range(45)}
    wrong = found = 0
    for seed in range(200):
        noise = 0.1 * np.repeat(rng.normal(size=15), 3) + 0.2 * rng.normal(size=45)
        paired = dict(zip(groups, noise.tolist(), strict=True))
        quiet = compare("tuned", "nDCG@10", {"base": paired}, groups, samples=300, seed=seed)
        wrong += quiet.outcome != "no evidence"
        moved = {query: value + (quiet.smallest_detectable or 0.0) for query, value in paired.items()}
        found += compare("tuned", "nDCG@10", {"base": moved}, groups, samples=300, seed=seed).outcome == "better"
    assert 0 < wrong <= 19
    assert 140 <= found <= 180


def test_a_question_without_a_document_or_a_figure_is_refused() -> None:
    with pytest.raises(DataError, match="query 'b': it has no group"):
        compare("tuned", "MRR", {"base": {"a": 0.1, "b": 0.1}}, {"a": "x"})
    with pytest.raises(DataError, match="its value is inf"):
        compare("tuned", "MRR", {"base": {"a": float("inf")}}, {"a": "x"})


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
