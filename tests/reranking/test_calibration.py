"""Calibration: probabilities, thresholds, and what is measured on questions it was not fitted on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.reranking.calibrating import (
    calibration_error,
    fit_calibration,
    log_loss,
    threshold_table,
)
from llama_index_rerank_tuner.reranking.calibration import CALIBRATION_FILE, Calibration
from llama_index_rerank_tuner.reranking.mixing import ScoredList


def row(threshold: float, kept: int, precision: float) -> dict[str, float]:
    return {"threshold": threshold, "kept": kept, "precision": precision, "recall": 0.5, "abstained": 0.0}


def lists(slope: float, bias: float, questions: int = 200, seed: int = 0) -> list[ScoredList]:
    """Ten candidates each, relevant with the probability that slope and bias give their logit."""
    rng, made = np.random.default_rng(seed), []
    for question in range(questions):
        logits = rng.normal(0, 2, size=10)
        relevant = rng.random(10) < Calibration(slope, bias).probabilities(logits)
        keys = tuple(f"{question}-{i}" for i in range(10))
        qrels = {key: 1 for key, is_relevant in zip(keys, relevant, strict=True) if is_relevant}
        made.append(ScoredList(str(question), f"document {question // 2}", keys, logits, qrels))
    return made


def test_probabilities_by_hand() -> None:
    chances = Calibration(slope=0.5, bias=1.0).probabilities(np.array([-2.0, 0.0, 2.0]))
    np.testing.assert_allclose(chances, [0.5, 0.7310585786300049, 0.8807970779778823])


def test_probabilities_of_huge_logits_are_0_and_1_without_overflow() -> None:
    with np.errstate(all="raise", under="ignore"):
        assert Calibration(2.0, 0.0).probabilities(np.array([-1e5, 1e5])).tolist() == [0.0, 1.0]


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=8), st.floats(0, 10), st.floats(-10, 10))
def test_a_calibration_never_changes_an_order(logits: list[float], slope: float, bias: float) -> None:
    ascending = Calibration(slope, bias).probabilities(np.array(sorted(logits)))
    assert (np.diff(ascending) >= 0).all()


@pytest.mark.parametrize(("slope", "bias"), [(-1.0, 0.0), (float("nan"), 0.0), (1.0, float("inf"))])
def test_impossible_parameters_are_refused(slope: float, bias: float) -> None:
    with pytest.raises(ConfigError, match="slope of at least 0 and a finite bias"):
        Calibration(slope, bias)


def test_the_threshold_is_the_lowest_that_reached_the_precision_on_enough_passages() -> None:
    table = [row(0.2, 200, 0.4), row(0.5, 60, 0.8), row(0.7, 30, 0.9), row(0.8, 25, 0.88), row(0.9, 3, 1.0)]
    calibration = Calibration(1.0, 0.0, table)
    assert calibration.threshold_for(0.8) == 0.5
    assert calibration.threshold_for(0.9) == 0.7
    with pytest.raises(ConfigError, match=r"target_precision=0\.95 .* the best was 0\.90 at a threshold of 0\.7"):
        calibration.threshold_for(0.95)


def test_a_table_that_kept_too_few_says_so() -> None:
    with pytest.raises(ConfigError, match="no threshold kept 20 validation passages"):
        Calibration(1.0, 0.0, [row(0.9, 19, 1.0)]).threshold_for(0.5)


@pytest.mark.parametrize(("slope", "bias"), [(1.0, 0.0), (0.4, -2.0), (2.0, 1.5)])
def test_fitting_finds_what_made_the_labels(slope: float, bias: float) -> None:
    fitted = fit_calibration(lists(slope, bias, questions=600))
    assert fitted.slope == pytest.approx(slope, rel=0.12)
    assert fitted.bias == pytest.approx(bias, abs=0.2)
    assert fitted.evidence["expected calibration error, out of fold"] < 0.02


def test_the_likelihood_is_that_of_scikit_learn() -> None:
    """Without smoothed labels and shrinkage the optimum is plain logistic regression's; with many labels, nearly."""
    scored = lists(1.3, -1.0, questions=500)
    logits = np.concatenate([each.scores for each in scored])
    labels = [int(key in each.qrels) for each in scored for key in each.keys]
    oracle = LogisticRegression(C=np.inf).fit(logits[:, None], labels)
    fitted = fit_calibration(scored)
    assert fitted.slope == pytest.approx(oracle.coef_[0, 0], rel=0.01)
    assert fitted.bias == pytest.approx(oracle.intercept_[0], abs=0.01)


def test_the_evidence_says_how_many_and_how_well() -> None:
    scored = lists(0.4, -2.0)
    evidence = fit_calibration(scored, retriever="bm25").evidence
    assert (evidence["questions"], evidence["groups"], evidence["passages"]) == (200, 100, 2000)
    assert evidence["relevant"] == sum(len(each.qrels) for each in scored)
    assert evidence["retriever"] == "bm25"
    assert evidence["log loss, out of fold"] < evidence["log loss, same chance for all"]
    assert evidence["log loss, out of fold"] < evidence["log loss, sigmoid of the logit"]


def test_a_group_is_never_judged_by_what_was_fitted_on_it() -> None:
    """One group's labels are the wrong way round: fitted on both, it would do better than chance allows."""
    honest = ScoredList("a", "a", ("x", "y"), np.array([1.0, -1.0]), {"x": 1})
    contrary = ScoredList("b", "b", ("x", "y"), np.array([1.0, -1.0]), {"y": 1})
    evidence = fit_calibration([honest] * 20 + [contrary] * 20).evidence
    # Fitted on the contrary group alone the slope is 0, and on the honest one it misleads about the other.
    assert evidence["log loss, out of fold"] > np.log(2) + 0.5


def test_scores_that_rank_the_wrong_way_round_give_everyone_the_same_chance() -> None:
    turned = [ScoredList(each.query_id, each.group, each.keys, -each.scores, each.qrels) for each in lists(1.0, -1.0)]
    fitted = fit_calibration(turned)
    assert fitted.slope == 0
    share = sum(len(each.qrels) for each in turned) / 2000
    assert fitted.probabilities(np.array([-3.0, 5.0])) == pytest.approx([share, share], abs=0.001)


@pytest.mark.parametrize("scores", [[1.0, 1.0, 1.0], [1e100, -1e100, 0.0], [1e-100, 0.0, -1e-100]])
def test_equal_and_extreme_logits_give_a_finite_fit(scores: list[float]) -> None:
    made = [ScoredList(str(i), str(i), ("a", "b", "c"), np.array(scores), {"a": 1}) for i in range(10)]
    fitted = fit_calibration(made)
    assert np.isfinite([fitted.slope, fitted.bias]).all()


def test_a_perfect_reranker_gets_no_infinite_slope() -> None:
    made = [ScoredList(str(i), str(i), ("a", "b"), np.array([5.0, -5.0]), {"a": 1}) for i in range(30)]
    fitted = fit_calibration(made)
    assert 0.5 < fitted.slope < 2
    assert fitted.probabilities(np.array([5.0, -5.0])) == pytest.approx([31 / 32, 1 / 32], abs=0.001)


@pytest.mark.parametrize(("qrels", "what"), [({}, "relevant"), ({"a": 1, "b": 2}, "not relevant")])
def test_labels_of_one_kind_cannot_be_fitted(qrels: dict[str, int], what: str) -> None:
    made = [ScoredList(str(i), str(i), ("a", "b"), np.array([1.0, 2.0]), qrels) for i in range(4)]
    with pytest.raises(DataError, match=f"of the 8 candidates of 4 validation questions none is {what}"):
        fit_calibration(made)


def test_one_group_cannot_be_cross_fitted() -> None:
    made = [ScoredList(str(i), "one", ("a", "b"), np.array([1.0, 2.0]), {"a": 1}) for i in range(4)]
    with pytest.raises(DataError, match="calibration: 1 validation groups cannot be cross-fitted"):
        fit_calibration(made)


def test_a_table_of_thresholds_by_hand() -> None:
    chances = np.array([0.97, 0.5, 0.3, 0.04])
    table = threshold_table(chances, np.array([1.0, 0.0, 1.0, 0.0]), np.array([0, 0, 1, 1]))
    by_threshold = {each["threshold"]: each for each in table}
    assert by_threshold[0.3] == {
        "threshold": 0.3,
        "kept": 3,
        "precision": pytest.approx(2 / 3),
        "recall": 1.0,
        "abstained": 0.0,
    }
    assert by_threshold[0.95] == {"threshold": 0.95, "kept": 1, "precision": 1.0, "recall": 0.5, "abstained": 0.5}
    assert 0.98 not in by_threshold


def test_errors_by_hand() -> None:
    chances, labels = np.array([0.9, 0.8, 0.1, 0.4]), np.array([1.0, 0.0, 0.0, 1.0])
    assert log_loss(chances, labels) == pytest.approx(-np.log([0.9, 0.2, 0.9, 0.4]).mean())
    assert calibration_error(chances, labels, bins=2) == pytest.approx((0.25 + 0.35) / 2)


def test_a_saved_calibration_is_read_back(tmp_path: Path) -> None:
    fitted = fit_calibration(lists(1.0, -1.0), retriever="bm25")
    fitted.save(tmp_path)
    assert Calibration.load(tmp_path) == Calibration(fitted.slope, fitted.bias, fitted.thresholds, fitted.evidence)
    assert Calibration.load(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    "damaged", ["", "[]", '{"slope": 1}', '{"slope": -1, "bias": 0}', '{"slope": 1, "bias": 0, "thresholds": [{}]}']
)
def test_a_damaged_file_is_named_with_the_way_out(tmp_path: Path, damaged: str) -> None:
    (tmp_path / CALIBRATION_FILE).write_text(damaged)
    with pytest.raises(DataError, match=r"calibration\.json: not a calibration .*Remove the file"):
        Calibration.load(tmp_path)
