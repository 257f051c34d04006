"""The callback that tells a search what validation saw."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from llama_index_rerank_tuner.training.search.telling import TellLooks


def test_each_look_is_told_but_the_one_before_training() -> None:
    told: list[tuple[int, float]] = []
    callback = TellLooks(lambda step, ndcg: told.append((step, ndcg)))
    for step, metrics in ((0, {"eval_nDCG@10": 0.2}), (8, {"eval_nDCG@10": 0.5}), (9, {"eval_loss": 1.0}), (16, None)):
        callback.on_evaluate(None, SimpleNamespace(global_step=step), None, metrics)
    assert told == [(8, 0.5)]


def test_what_is_raised_ends_the_run() -> None:
    def prune(step: int, ndcg: float) -> None:
        raise StopIteration

    with pytest.raises(StopIteration):
        TellLooks(prune).on_evaluate(None, SimpleNamespace(global_step=8), None, {"eval_nDCG@10": 0.5})
