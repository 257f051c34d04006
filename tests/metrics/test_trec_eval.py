"""Every metric against trec_eval itself, on random runs with scores of their own."""

from __future__ import annotations

import random

import pytest
import pytrec_eval

from llama_index_rerank_tuner.metrics import score_rankings

RUNS = 1000
SAME = {
    "nDCG": "ndcg",
    "nDCG@1": "ndcg_cut_1",
    "nDCG@10": "ndcg_cut_10",
    "MRR": "recip_rank",
    "Hit@1": "success_1",
    "Hit@5": "success_5",
    "Recall@3": "recall_3",
    "Recall@10": "recall_10",
    "P@5": "P_5",
    "P@10": "P_10",
    "MAP": "map",
    "MAP@10": "map_cut_10",
}
ASKED = {"ndcg", "ndcg_cut.1,10", "recip_rank", "success.1,5", "recall.3,10", "P.5,10", "map", "map_cut.10"}

Qrels = dict[str, dict[str, int]]


@pytest.fixture(scope="module")
def drawn() -> tuple[Qrels, dict[str, dict[str, float]]]:
    """Graded labels of 0 to 4, up to 25 a query, and up to 40 scored passages, judged, unjudged or missing."""
    rng = random.Random(0)
    qrels, runs = {}, {}
    for number in range(RUNS):
        judged = rng.sample(range(60), rng.randint(1, 25))
        qrels[f"q{number}"] = {f"d{each}": rng.choice([0, 0, 1, 1, 2, 3, 4]) for each in judged}
        found = rng.sample(range(60), rng.randint(1, 40))
        runs[f"q{number}"] = {f"d{each}": rng.gauss(0, 3) for each in found}
    return qrels, runs


def test_the_draw_holds_what_is_hard(drawn: tuple[Qrels, dict[str, dict[str, float]]]) -> None:
    qrels, runs = drawn
    relevant = [sum(grade > 0 for grade in judged.values()) for judged in qrels.values()]
    assert sum(count > 10 for count in relevant) > 50
    assert sum(count == 0 for count in relevant) > 5
    assert sum(len(run) < 5 for run in runs.values()) > 50


def test_every_metric_is_trec_evals_on_every_run(drawn: tuple[Qrels, dict[str, dict[str, float]]]) -> None:
    qrels, runs = drawn
    orders = {query: sorted(run, key=lambda passage, run=run: -run[passage]) for query, run in runs.items()}  # type: ignore[misc]
    ours = score_rankings(qrels, orders, [*SAME, "MRR@10"])
    trec = pytrec_eval.RelevanceEvaluator(qrels, ASKED).evaluate(runs)
    assert len(trec) == RUNS
    for query, theirs in trec.items():
        expected = {name: theirs[theirs_name] for name, theirs_name in SAME.items()}
        # trec_eval has no cutoff for the reciprocal rank: beyond rank 10 it is under 0.1.
        expected["MRR@10"] = theirs["recip_rank"] if theirs["recip_rank"] > 0.0999 else 0.0
        assert {name: by_query[query] for name, by_query in ours.items()} == pytest.approx(expected, abs=1e-12)
