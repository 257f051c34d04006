"""``to_dict`` and ``from_dict``: the settings travel, objects do not, and that is said."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, RerankTunerWarning
from llama_index_rerank_tuner.reranking import Calibration, FinetunedRerank, RankMix
from llama_index_rerank_tuner.reranking.cache import MemoryCache
from llama_index_rerank_tuner.text import TextContract

NODES = [NodeWithScore(node=TextNode(text=text), score=1.0) for text in ("old cat", "fee rule", "grant form")]


class Level:
    name = "level"

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        return np.zeros(len(pairs))


def everything() -> dict[str, Any]:
    return {
        "top_n": 2,
        "mix": RankMix(0.75, "bm25", {"questions": 3}),
        "calibration": Calibration(2.0, -1.0),
        "score_threshold": 0.001,
        "backend": "torch",
        "precision": "fp32",
        "windows": "first_max",
        "cache": "memory",
        "queue": True,
        "device": "cpu",
        "batch_size": 4,
        "keep_retrieval_score": True,
        "contract": TextContract(metadata_mode="none", max_length=64),
        "cross_encoder_kwargs": {"trust_remote_code": False},
    }


def test_all_settings_travel_as_json(tiny_cross_encoder: str) -> None:
    made = FinetunedRerank(tiny_cross_encoder, **everything())
    again = FinetunedRerank.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again.to_dict() == made.to_dict()
    assert again.contract == made.contract
    assert again.mix == made.mix
    assert again.calibration == Calibration(2.0, -1.0, [], {})
    for name, value in everything().items():
        if name != "calibration":
            assert getattr(again, name) == value
    results = [each.postprocess_nodes(NODES, query_str="what fee") for each in (made, again)]
    assert [(each.node_id, each.score) for each in results[0]] == [(each.node_id, each.score) for each in results[1]]
    for each in (made, again):
        each.close()


def test_a_pickled_reranker_loads_its_model_again(tiny_cross_encoder: str) -> None:
    made = FinetunedRerank(tiny_cross_encoder, 2, mix=None)
    again = pickle.loads(pickle.dumps(made))
    results = [each.postprocess_nodes(NODES, query_str="what fee") for each in (made, again)]
    assert [(each.node_id, each.score) for each in results[0]] == [(each.node_id, each.score) for each in results[1]]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_a_copy_keeps_the_settings_and_says_what_it_cannot_keep(copied: Any, tiny_cross_encoder: str) -> None:
    made = FinetunedRerank(tiny_cross_encoder, 2, queue=True, cache="memory")
    assert copied(made).to_dict() == made.to_dict()
    with pytest.warns(RerankTunerWarning, match="The scorer of this"):
        copied(FinetunedRerank(tiny_cross_encoder, scorer=Level()))


def test_what_took_effect_on_loading_cannot_be_changed_after(tiny_cross_encoder: str) -> None:
    made = FinetunedRerank(tiny_cross_encoder, 2)
    for name, value in {"score_threshold": 0.9, "windows": "max", "cache": "memory", "queue": True}.items():
        with pytest.raises(ConfigError, match=f"{name} is fixed once the model is loaded"):
            setattr(made, name, value)
    made.top_n = 1
    assert len(made.postprocess_nodes(NODES, query_str="what fee")) == 1


def test_a_password_is_not_shown(tiny_cross_encoder: str) -> None:
    made = FinetunedRerank(tiny_cross_encoder, cache="redis://:hunter2@localhost:1/0")
    assert "hunter2" not in f"{made!r} {made}"
    made.close()


def test_a_mix_that_was_left_off_stays_off(tiny_cross_encoder: str) -> None:
    RankMix(0.5).save(tiny_cross_encoder)
    settings = FinetunedRerank(tiny_cross_encoder, mix=None).to_dict()
    assert FinetunedRerank.from_dict(settings).mix is None


def test_a_scorer_of_your_own_does_not_travel_and_that_is_said(tiny_cross_encoder: str) -> None:
    made = FinetunedRerank(tiny_cross_encoder, scorer=Level())
    with pytest.warns(RerankTunerWarning, match=r"The scorer .* not among its settings.*from_dict\(settings, scorer"):
        settings = made.to_dict()
    scorer = Level()
    assert FinetunedRerank.from_dict(settings, scorer=scorer).scorer is scorer


def test_a_cache_object_does_not_travel_and_that_is_said(tiny_cross_encoder: str) -> None:
    made = FinetunedRerank(tiny_cross_encoder, cache=MemoryCache())
    with pytest.warns(RerankTunerWarning, match="The cache of this"):
        assert made.to_dict()["cache"] is None


def test_it_is_a_sentence_transformer_rerank_of_its_own_name(tiny_cross_encoder: str) -> None:
    made = FinetunedRerank(tiny_cross_encoder)
    assert isinstance(made, SentenceTransformerRerank)
    assert made.class_name() == made.to_dict()["class_name"] == "FinetunedRerank"


def test_an_unknown_setting_is_an_error(tiny_cross_encoder: str) -> None:
    settings = FinetunedRerank(tiny_cross_encoder).to_dict()
    with pytest.raises(TypeError, match="top_k"):
        FinetunedRerank.from_dict({**settings, "top_k": 3})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backend": "tensorrt"}, "backend must be one of 'auto', 'torch', 'onnx', 'openvino', got 'tensorrt'"),
        ({"precision": "fp8"}, "precision must be one of None, 'fp32', 'bf16', 'fp16', 'int8', got 'fp8'"),
        ({"windows": "mean"}, "windows must be one of None, 'max', 'first_max', got 'mean'"),
        ({"use_fp16": True, "precision": "int8"}, "use_fp16=True and precision='int8' contradict"),
        ({"cross_encoder_kwargs": {"device": "cpu"}}, "'device' cannot stand in cross_encoder_kwargs"),
        ({"mix": "bm25"}, "mix must be 'auto', a RankMix or None, got 'bm25'"),
        ({"scorer": Level(), "queue": True}, "windows, queue and cache stand before a model"),
        ({"cache": "somewhere"}, "cache='somewhere' is no place for scores"),
    ],
)
def test_settings_that_cannot_work_are_refused(tiny_cross_encoder: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FinetunedRerank(tiny_cross_encoder, **settings)
