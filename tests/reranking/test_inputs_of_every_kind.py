"""Whatever a retriever hands over has an outcome, and nothing that was handed over is changed."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core.schema import BaseNode, ImageNode, IndexNode, Node, NodeWithScore, TextNode
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ScoreError
from llama_index_rerank_tuner.reranking import FinetunedRerank
from llama_index_rerank_tuner.reranking.calibration import Calibration

TEXTS = {
    "Chinese": "申请许可证的截止日期是九月一日。",
    "mixed": "申请 permit 的 deadline 是 9 月 1 日",
    "empty": "",
    "white space": " \n\t　 ",
    "100,000 characters": "the fee of the permit " * 4_546,
    "control characters": "fee\x00\x07\x1b[31m of \x7f\u200b\ufeff the",
    "a lone surrogate": "fee \ud800 of the permit",
    "emoji and combining marks": "fee 🙂👩‍👩‍👧 é ﷽",
}


@pytest.fixture(scope="module")
def reranker(tiny_models: dict[str, Path]) -> FinetunedRerank:
    return FinetunedRerank(tiny_models["cross-encoder"], 10)


@pytest.fixture(scope="module")
def windowed(tiny_models: dict[str, Path]) -> FinetunedRerank:
    return FinetunedRerank(tiny_models["cross-encoder"], 10, windows="max")


def found(*texts: str, score: float | None = 0.5) -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(text=text, metadata={"page": i}), score=score) for i, text in enumerate(texts)]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_every_text_gets_a_score_as_passage_and_as_query(reranker: FinetunedRerank, text: str) -> None:
    for nodes, query in ((found(text, "fee"), "what fee"), (found("fee", "grant"), text)):
        result = reranker.postprocess_nodes(nodes, query_str=query)
        assert {each.node_id for each in result} == {each.node_id for each in nodes}
        assert np.isfinite([each.score or 0.0 for each in result]).all()
        assert [each.score for each in result] == sorted((each.score or 0.0 for each in result), reverse=True)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_every_text_can_be_windowed(reranker: FinetunedRerank, windowed: FinetunedRerank, text: str) -> None:
    nodes = found(text, "fee")
    scores = {each.node_id: each.score for each in windowed.postprocess_nodes(nodes, query_str="what fee")}
    assert np.isfinite(list(scores.values())).all()  # type: ignore[arg-type]
    if len(text) < 100_000:
        cut = {each.node_id: each.score for each in reranker.postprocess_nodes(nodes, query_str="what fee")}
        assert scores == pytest.approx(cut, abs=1e-6)


def test_duplicates_get_the_same_score_in_the_retrievers_order(reranker: FinetunedRerank) -> None:
    node = TextNode(id_="same", text="the fee")
    nodes = [NodeWithScore(node=node, score=0.9), *found("old cat"), NodeWithScore(node=node, score=0.1)]
    nodes += [NodeWithScore(node=TextNode(id_="other", text="the fee"), score=0.5)]
    result = reranker.postprocess_nodes(nodes, query_str="what fee")
    assert [each.node_id for each in result if each.node.text == "the fee"] == ["same", "same", "other"]
    assert len({each.score for each in result if each.node.text == "the fee"}) == 1


@pytest.mark.parametrize(
    "node",
    [
        ImageNode(text="the fee", image_path="fee.png"),
        ImageNode(image_url="https://example.org/fee.png"),
        IndexNode(text="the fee", index_id="fees"),
        Node(),
    ],
    ids=["ImageNode", "ImageNode without text", "IndexNode", "Node without text"],
)
@pytest.mark.parametrize("keep", [False, True])
def test_nodes_of_every_class_stay_what_they_are(tiny_cross_encoder: str, node: BaseNode, keep: bool) -> None:
    reranker = FinetunedRerank(tiny_cross_encoder, 5, keep_retrieval_score=keep)
    nodes = [NodeWithScore(node=node, score=0.5), *found("grant")]
    result = reranker.postprocess_nodes(nodes, query_str="what fee")
    assert {type(each.node) for each in result} == {type(node), TextNode}
    assert {each.node_id for each in result} == {each.node_id for each in nodes}


def test_nodes_without_a_score_are_ranked_and_keep_none(tiny_cross_encoder: str) -> None:
    reranker = FinetunedRerank(tiny_cross_encoder, 5, keep_retrieval_score=True)
    result = reranker.postprocess_nodes(found("fee", "grant", score=None), query_str="what fee")
    assert [each.node.metadata["retrieval_score"] for each in result] == [None, None]


class ByText:
    name = "models/by-text"

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        return np.array([float("nan") if "bad" in passage else float(len(passage)) for _, passage in pairs])


def snapshot(nodes: Sequence[NodeWithScore]) -> list[Any]:
    """Everything of the nodes: their serialisation, and copies of the objects."""
    return [each.model_dump_json() for each in nodes] + copy.deepcopy(list(nodes))


@pytest.mark.parametrize("path", ["scored", "memory", "file", "windows", "queue", "abstain", "mix", "all of it"])
def test_nothing_of_the_callers_is_changed(tiny_cross_encoder: str, tmp_path: Path, path: str) -> None:
    calibrated: dict[str, Any] = {"calibration": Calibration(1.0, 0.0), "score_threshold": 1.0}
    file = {"cache": str(tmp_path / "scores.sqlite")}
    settings: dict[str, dict[str, Any]] = {
        "scored": {},
        "memory": {"cache": "memory"},
        "file": file,
        "windows": {"windows": "first_max"},
        "queue": {"queue": True},
        "abstain": calibrated,
        "mix": {"mix": {"weight": 0.5}},
        "all of it": {**calibrated, **file, "queue": True, "windows": "max", "mix": {"weight": 0.5}},
    }
    reranker = FinetunedRerank(tiny_cross_encoder, 3, keep_retrieval_score=True, **settings[path])
    nodes = [*found("fee", "", " ".join(["grant"] * 300), "fee"), NodeWithScore(node=ImageNode(text="cat"))]
    before, identities = snapshot(nodes), [(id(each), id(each.node)) for each in nodes]
    first = reranker.postprocess_nodes(nodes, query_str="what fee")
    again = reranker.postprocess_nodes(nodes, query_str="what fee")
    reranker.close()
    assert snapshot(nodes)[: len(nodes)] == before[: len(nodes)]
    assert nodes == before[len(nodes) :]
    assert [(id(each), id(each.node)) for each in nodes] == identities
    assert [(each.node_id, each.score) for each in first] == [(each.node_id, each.score) for each in again]
    assert not {id(each) for each in first} & {id(each) for each in nodes}
    assert (first == []) == ("score_threshold" in settings[path])


def test_an_error_changes_nothing_either() -> None:
    nodes = found("good", "bad")
    before = snapshot(nodes)
    with pytest.raises(ScoreError, match="models/by-text gave 1 NaN or infinite"):
        FinetunedRerank("m", scorer=ByText(), keep_retrieval_score=True).postprocess_nodes(nodes, query_str="?")
    assert snapshot(nodes)[:2] == before[:2]
    assert nodes == before[2:]


def test_a_scorer_that_gives_too_few_scores_is_refused() -> None:
    class One(ByText):
        def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
            return np.zeros(1)

    with pytest.raises(ScoreError, match="gave 1 scores for 2 pairs"):
        FinetunedRerank("m", scorer=One()).postprocess_nodes(found("a", "b"), query_str="?")
