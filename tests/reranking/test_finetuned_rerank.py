"""The postprocessor: right order, untouched input, clear refusals."""

from __future__ import annotations

import asyncio
import copy
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from llama_index.core.schema import NodeWithScore, TextNode
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import CheckpointNotFoundError, ConfigError, RerankTunerWarning, ScoreError
from llama_index_rerank_tuner.reranking import FinetunedRerank, RankMix
from llama_index_rerank_tuner.text import TextContract


class Fixed:
    """Scores each passage by a table."""

    name = "fixed"

    def __init__(self, **scores: float) -> None:
        self.scores = scores

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        return np.array([self.scores[passage] for _, passage in pairs])


def found(*texts: str) -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(id_=text, text=text), score=1 / rank) for rank, text in enumerate(texts, 1)]


def order(nodes: Sequence[NodeWithScore]) -> list[str]:
    return [each.node.get_content() for each in nodes]


def test_the_best_nodes_come_first() -> None:
    reranker = FinetunedRerank("m", top_n=2, scorer=Fixed(a=0.1, b=2.0, c=1.0))
    result = reranker.postprocess_nodes(found("a", "b", "c"), query_str="?")
    assert [(each.node.get_content(), each.score) for each in result] == [("b", 2.0), ("c", 1.0)]


def test_ties_keep_the_retrievers_order() -> None:
    reranker = FinetunedRerank("m", top_n=3, scorer=Fixed(a=1.0, b=1.0, c=1.0))
    assert order(reranker.postprocess_nodes(found("c", "a", "b"), query_str="?")) == ["c", "a", "b"]


def test_the_callers_nodes_are_untouched() -> None:
    nodes = found("a", "b", "c")
    before = copy.deepcopy([each.model_dump() for each in nodes])
    FinetunedRerank("m", top_n=2, scorer=Fixed(a=1, b=2, c=3), keep_retrieval_score=True).postprocess_nodes(
        nodes, query_str="?"
    )
    assert [each.model_dump() for each in nodes] == before


def test_a_kept_retrieval_score_is_hidden_from_models() -> None:
    reranker = FinetunedRerank("m", top_n=1, scorer=Fixed(a=1, b=2), keep_retrieval_score=True)
    best = reranker.postprocess_nodes(found("a", "b"), query_str="?")[0]
    assert best.node.metadata == {"retrieval_score": 0.5}
    assert order(reranker.postprocess_nodes([best], query_str="?")) == ["b"]
    assert best.node.get_content(metadata_mode="embed") == best.node.get_content(metadata_mode="llm") == "b"


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_names_the_model(tiny_cross_encoder: str, bad: float) -> None:
    reranker = FinetunedRerank(tiny_cross_encoder)
    reranker._model.model.classifier.bias.data.fill_(bad)
    with pytest.raises(ScoreError, match="tiny-cross-encoder gave 1 NaN or infinite"):
        reranker.postprocess_nodes(found("a fee"), query_str="what fee")


def test_no_nodes_give_no_nodes() -> None:
    assert FinetunedRerank("m", scorer=Fixed()).postprocess_nodes([], query_str="?") == []


def test_a_missing_query_is_said() -> None:
    with pytest.raises(ConfigError, match="needs the query"):
        FinetunedRerank("m", scorer=Fixed(a=1)).postprocess_nodes(found("a"))


def test_async_gives_the_same(tiny_cross_encoder: str) -> None:
    reranker = FinetunedRerank(tiny_cross_encoder)
    nodes = found("fee rule", "grant form", "old cat", "new permit")
    sync = reranker.postprocess_nodes(nodes, query_str="what fee")

    async def twice() -> list[list[NodeWithScore]]:
        return await asyncio.gather(*(reranker.apostprocess_nodes(nodes, query_str="what fee") for _ in range(8)))

    for result in asyncio.run(twice()):
        assert [(each.node_id, each.score) for each in result] == [(each.node_id, each.score) for each in sync]


@pytest.mark.parametrize("arguments", [{"top_n": 0}, {"batch_size": 0}])
def test_impossible_arguments_are_refused(tiny_cross_encoder: str, arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        FinetunedRerank(tiny_cross_encoder, **arguments)


def test_an_unknown_argument_is_an_error(tiny_cross_encoder: str) -> None:
    with pytest.raises(TypeError, match="top_k"):
        FinetunedRerank(tiny_cross_encoder, top_k=3)  # type: ignore[call-arg]


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"no-such.*does not exist"):
        FinetunedRerank(tmp_path / "no-such")


def test_a_model_with_three_outputs_is_refused_with_the_fix(tiny_cross_encoder: str) -> None:
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig.from_pretrained(tiny_cross_encoder, num_labels=3)
    BertForSequenceClassification(config).save_pretrained(tiny_cross_encoder)
    with pytest.raises(ConfigError, match=r"has 3 outputs; a reranker needs one\. Choose a model with num_labels=1"):
        FinetunedRerank(tiny_cross_encoder)


def test_a_mix_takes_the_retrievers_rank_into_account() -> None:
    scorer = Fixed(a=0.0, b=0.1, c=0.2)
    orders = {
        weight: order(
            FinetunedRerank("m", top_n=3, scorer=scorer, mix=RankMix(weight)).postprocess_nodes(
                found("a", "b", "c"), query_str="?"
            )
        )
        for weight in (0.0, 1.0)
    }
    assert orders == {0.0: ["a", "b", "c"], 1.0: ["c", "b", "a"]}


def test_the_checkpoints_mix_is_on_by_default_and_can_be_left_off(tiny_cross_encoder: str) -> None:
    RankMix(0.25, "bm25").save(tiny_cross_encoder)
    assert FinetunedRerank(tiny_cross_encoder).mix == RankMix(0.25, "bm25")
    assert FinetunedRerank(tiny_cross_encoder, mix=None).mix is None


def test_the_checkpoints_contract_makes_the_text(tiny_cross_encoder: str) -> None:
    TextContract(metadata_mode="none", query_template="what {query}").save(tiny_cross_encoder)
    asked: list[tuple[str, str]] = []

    class Asked(Fixed):
        def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
            asked.extend(pairs)
            return np.zeros(len(pairs))

    node = NodeWithScore(node=TextNode(text="ten crowns", metadata={"file": "fees.md"}), score=1.0)
    reranker = FinetunedRerank(tiny_cross_encoder, scorer=Asked())
    with pytest.warns(RerankTunerWarning, match="metadata mode 'none'"):
        reranker.postprocess_nodes([node], query_str="fee")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reranker.postprocess_nodes([node], query_str="fee")
    assert asked == [("what fee", "ten crowns")] * 2
