"""Stopping early, on literal looks."""

from __future__ import annotations

from llama_index_rerank_tuner.training.watch.looks import Look
from llama_index_rerank_tuner.training.watch.stopping import should_stop


def looks(*points: tuple[float, float]) -> list[Look]:
    """A look before training, then one a point of (nDCG, standardised gap)."""
    start = Look(0, 0.0, 0.9, standardised_gap=3.0)
    return [start] + [Look(10 * n, n / 10, ndcg, standardised_gap=gap) for n, (ndcg, gap) in enumerate(points, start=1)]


def test_it_goes_on_while_ndcg_gains_within_its_patience() -> None:
    rising = looks((0.5, 1.0), (0.5, 1.0), (0.6, 1.0), (0.6, 1.0), (0.7, 1.0))
    assert all(should_stop(rising[:length], 2) is None for length in range(len(rising) + 1))


def test_it_stops_after_so_many_looks_without_gain() -> None:
    level = looks((0.6, 1.0), (0.7, 1.0), (0.7, 1.0), (0.69, 1.0), (0.7, 1.0))
    assert should_stop(level[:5], 3) is None
    assert should_stop(level, 3) == "nDCG@10 did not gain in 3 looks: best 0.7000 at step 20"


def test_a_patience_of_one_stops_at_the_first_look_without_gain() -> None:
    assert should_stop(looks((0.6, 1.0), (0.6, 1.0)), 1) == "nDCG@10 did not gain in 1 look: best 0.6000 at step 10"


def test_none_never_stops() -> None:
    assert should_stop(looks(*[(0.5, 0.0)] * 20), None) is None


def test_it_stops_on_a_gap_that_closes_while_ndcg_is_not_at_its_best() -> None:
    closing = looks((0.60, 1.5), (0.70, 1.4), (0.69, 1.3), (0.695, 1.25))
    assert should_stop(closing, 3) == (
        "the gap between positives and hardest negatives closed over 3 looks: 1.50 to 1.25 standard deviations"
    )


def test_a_gap_that_closes_a_little_or_not_each_time_or_under_a_better_ndcg_does_not_stop_it() -> None:
    assert should_stop(looks((0.60, 1.50), (0.70, 1.48), (0.69, 1.46), (0.69, 1.45)), 3) is None
    assert should_stop(looks((0.60, 1.5), (0.70, 1.3), (0.69, 1.31), (0.69, 1.2)), 3) is None
    assert should_stop(looks((0.60, 1.5), (0.70, 1.4), (0.69, 1.3), (0.71, 1.2)), 3) is None


def test_a_look_that_diverged_is_no_gain_and_no_loss() -> None:
    seen = looks((0.6, 1.0), (0.7, 1.0))
    broken = [Look(30 + n, 3.0, 0.0, broken=4) for n in range(5)]
    assert should_stop(seen + broken, 2) is None
