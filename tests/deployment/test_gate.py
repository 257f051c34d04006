"""The parity gate as a pure rule over each question's nDCG@10."""

from __future__ import annotations

import numpy as np
import pytest

from llama_index_rerank_tuner.deployment import check_parity
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.statistics import cluster_bootstrap


def questions(values: np.ndarray) -> dict[str, float]:
    return {f"q{number}": float(value) for number, value in enumerate(values)}


def groups(count: int, per_group: int = 1) -> dict[str, str]:
    return {f"q{number}": f"g{number // per_group}" for number in range(count)}


def test_an_exact_variant_passes_with_a_bound_of_zero() -> None:
    values = questions(np.linspace(0, 1, 300))
    parity = check_parity(values, values, groups(300, 3))
    assert (parity.passed, parity.loss, parity.upper_bound, parity.questions) == (True, 0.0, 0.0, 300)
    assert parity.reason == "nDCG@10 fell by 0.0000 (95 % upper bound 0.0000 ≤ 0.005) on 300 questions"


def test_a_better_variant_passes_and_a_worse_one_is_refused() -> None:
    low, high = questions(np.full(300, 0.5)), questions(np.full(300, 0.6))
    assert check_parity(low, high, groups(300)).reason.startswith("nDCG@10 rose by 0.1000")
    assert check_parity(low, high, groups(300)).passed
    assert not check_parity(high, low, groups(300)).passed


@pytest.mark.parametrize(("loss", "passed"), [(0.004, True), (0.006, False)])
def test_the_limit_is_0_005(loss: float, passed: bool) -> None:
    values = np.full(300, 0.5)
    assert check_parity(questions(values), questions(values - loss), groups(300)).passed is passed


def test_a_small_mean_loss_that_is_uncertain_is_refused() -> None:
    values = np.full(300, 0.5)
    noise = np.random.default_rng(0).normal(0.001, 0.2, 300)
    parity = check_parity(questions(values), questions(values - noise + noise.mean() - 0.001), groups(300))
    assert parity.loss == pytest.approx(0.001)
    assert parity.upper_bound == pytest.approx(0.001 + 1.645 * 0.2 / 300**0.5, abs=0.003)
    assert not parity.passed


def test_the_bound_lies_below_the_end_of_the_two_sided_interval() -> None:
    losses = np.random.default_rng(1).normal(0.0, 0.1, 400)
    of = groups(400, 4)
    parity = check_parity(questions(np.zeros(400)), questions(-losses), of)
    both_sides = cluster_bootstrap(questions(losses), of)
    assert parity.loss < parity.upper_bound < both_sides.high


def test_questions_of_one_document_are_drawn_together() -> None:
    losses = np.repeat(np.random.default_rng(2).normal(0.0, 0.1, 30), 10)
    alone = check_parity(questions(np.zeros(300)), questions(-losses), groups(300))
    together = check_parity(questions(np.zeros(300)), questions(-losses), groups(300, 10), allow_small=True)
    assert together.upper_bound - together.loss > 2 * (alone.upper_bound - alone.loss)


def test_fewer_than_300_questions_keep_fp32_unless_told() -> None:
    values = questions(np.full(299, 0.5))
    kept = check_parity(values, values, groups(299))
    assert not kept.passed
    assert kept.reason == (
        "only 299 of the 300 questions needed: fp32 is kept (allow_small=True judges it all the same)"
    )
    assert kept.to_dict() == {"questions": 299, "loss": 0.0, "loss_upper_bound": None}
    told = check_parity(values, values, groups(299), allow_small=True)
    assert told.passed
    assert told.reason.endswith("on 299 questions; only 299 of the 300 questions needed")
    worse = questions(np.full(299, 0.4))
    assert not check_parity(values, worse, groups(299), allow_small=True).passed


def test_few_documents_are_too_little_whatever_their_number_of_questions() -> None:
    values = questions(np.full(300, 0.5))
    kept = check_parity(values, values, groups(300, 10))
    assert not kept.passed
    assert "only 30 of the 50 source documents needed" in kept.reason
    assert check_parity(values, values, groups(300, 10), allow_small=True).passed


def test_under_five_documents_there_is_no_bound_to_pass_by() -> None:
    values = questions(np.full(300, 0.5))
    told = check_parity(values, values, groups(300, 75), allow_small=True)
    assert (told.passed, told.upper_bound) == (False, float("inf"))


def test_a_loss_in_a_tenth_of_the_documents_is_seldom_missed() -> None:
    passed = 0
    for seed in range(100):
        hit = np.repeat(np.random.default_rng(seed).random(50) < 0.1, 6)
        parity = check_parity(questions(np.full(300, 0.5)), questions(0.5 - 0.1 * hit), groups(300, 6), samples=500)
        passed += parity.passed
    assert passed <= 5


def test_a_nan_is_refused() -> None:
    values = questions(np.full(300, 0.5))
    parity = check_parity(values, {**values, "q7": float("nan")}, groups(300), allow_small=True)
    assert not parity.passed
    assert parity.reason == "some of its nDCG@10 are NaN or infinite"
    assert parity.to_dict() == {"questions": 300, "loss": None, "loss_upper_bound": None}


def test_other_questions_or_none_are_errors() -> None:
    values = questions(np.full(300, 0.5))
    with pytest.raises(ConfigError, match="got 0 of torch fp32"):
        check_parity({}, {}, {})
    with pytest.raises(ConfigError, match="the same questions"):
        check_parity(values, {"q0": 1.0}, groups(300))
    with pytest.raises(ConfigError, match="1 questions have no group, the first is 'q299'"):
        check_parity(values, values, groups(299))


def test_a_variant_that_loses_just_the_limit_seldom_passes() -> None:
    passed = 0
    for seed in range(200):
        noise = np.random.default_rng(seed).normal(0.005, 0.05, 300)
        parity = check_parity(questions(np.zeros(300)), questions(-noise), groups(300), samples=500, seed=seed)
        passed += parity.passed
    assert 2 <= passed <= 20
