"""Dropping what is unlikely to be relevant, all of it if need be; and what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from llama_index.core.schema import NodeWithScore, TextNode
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.reranking import Calibration, FinetunedRerank, RankMix

TABLE = [
    {"threshold": 0.3, "kept": 90, "precision": 0.6, "recall": 0.9, "abstained": 0.1},
    {"threshold": 0.6, "kept": 40, "precision": 0.9, "recall": 0.7, "abstained": 0.3},
]
CALIBRATION = Calibration(1.0, 0.0, TABLE)


class Logits:
    name = "models/logits"

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        return np.array([float(passage) for _, passage in pairs])


def found(*logits: float) -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(text=str(logit)), score=1.0) for logit in logits]


def rerank(*logits: float, **settings: Any) -> list[tuple[str, float]]:
    result = FinetunedRerank("m", 3, scorer=Logits(), **settings).postprocess_nodes(found(*logits), query_str="?")
    return [(each.node.text, round(each.score or 0, 4)) for each in result]


def test_a_calibration_shows_probabilities_and_drops_nothing() -> None:
    assert rerank(-5.9, 0.0, -7.0, calibration=CALIBRATION) == [("0.0", 0.5), ("-5.9", 0.0027), ("-7.0", 0.0009)]


def test_a_threshold_drops_what_is_below_before_the_best_are_taken() -> None:
    settings = {"calibration": CALIBRATION, "score_threshold": 0.5}
    assert rerank(-1.0, 2.0, 0.0, -0.001, **settings) == [("2.0", 0.8808), ("0.0", 0.5)]


def test_where_nothing_is_likely_enough_nothing_is_returned() -> None:
    assert rerank(-1.0, -2.0, calibration=CALIBRATION, score_threshold=0.5) == []


def test_a_precision_takes_its_threshold_from_the_table() -> None:
    settings = {"calibration": CALIBRATION, "target_precision": 0.9}
    assert rerank(0.4, 0.41, **settings) == [("0.41", 0.6011)]


def test_a_mix_ranks_and_the_probability_decides_who_stays() -> None:
    settings = {"mix": RankMix(0.0), "calibration": CALIBRATION, "score_threshold": 0.5}
    assert rerank(1.0, -9.0, 2.0, **settings) == [("1.0", 0.7311), ("2.0", 0.8808)]


def test_the_checkpoints_calibration_is_taken_when_asked_for(tiny_cross_encoder: str) -> None:
    CALIBRATION.save(tiny_cross_encoder)
    assert FinetunedRerank(tiny_cross_encoder).calibration is None
    assert FinetunedRerank(tiny_cross_encoder, calibration="auto").calibration == CALIBRATION
    assert FinetunedRerank(tiny_cross_encoder, score_threshold=0.5).calibration == CALIBRATION
    assert FinetunedRerank(tiny_cross_encoder, target_precision=0.8).calibration == CALIBRATION


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"score_threshold": 0.5}, r"has no calibration\.json, and a threshold on scores that are no probabilities"),
        ({"target_precision": 0.9}, r"has no calibration\.json"),
        ({"score_threshold": 0.5, "target_precision": 0.9}, "both set the threshold"),
        ({"score_threshold": 1.1}, "score_threshold is a probability between 0 and 1, got 1.1"),
        ({"score_threshold": float("nan")}, "between 0 and 1, got nan"),
        ({"target_precision": 0.0}, "target_precision must be above 0 and at most 1, got 0.0"),
        ({"target_precision": 0.95, "calibration": CALIBRATION}, r"the best was 0\.90 at a threshold of 0\.6"),
        ({"calibration": "yes"}, "calibration must be 'auto', a Calibration or None, got 'yes'"),
    ],
)
def test_what_cannot_be_had_is_said_before_anything_is_loaded(
    tiny_cross_encoder: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        FinetunedRerank(tiny_cross_encoder, **settings)
