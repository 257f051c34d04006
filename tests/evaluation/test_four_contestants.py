"""Four contestants on real data: the retriever, upstream's reranker, ours with the same model, and one written here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank

from llama_index_rerank_tuner.dataset import RerankDataset, load_guide_zh, load_handbook
from llama_index_rerank_tuner.evaluation import BenchmarkResult, RerankBenchmark
from llama_index_rerank_tuner.evaluation.cost import costs
from llama_index_rerank_tuner.evaluation.headroom import headroom
from llama_index_rerank_tuner.reranking import FinetunedRerank
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
from llama_index_rerank_tuner.text import TextContract

DEPTH, LONGEST = 20, 128


class SharedCharacters(BaseNodePostprocessor):
    """Ranks by the share of the question's three-character pieces that stand in a passage."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        asked = _pieces(query_bundle.query_str if query_bundle else "")
        scored = [
            NodeWithScore(node=each.node, score=len(asked & _pieces(each.node.get_content())) / max(1, len(asked)))
            for each in nodes
        ]
        return sorted(scored, key=lambda each: -(each.score or 0.0))


def _pieces(text: str) -> set[str]:
    return {text[i : i + 3].lower() for i in range(len(text) - 2)}


def _contestants(model: str) -> dict[str, BaseNodePostprocessor]:
    contract = TextContract("none", max_length=LONGEST)
    settings = {"max_length": LONGEST}
    return {
        "upstream": SentenceTransformerRerank(model=model, top_n=DEPTH, device="cpu", cross_encoder_kwargs=settings),
        "ours": FinetunedRerank(model, DEPTH, mix=None, device="cpu", backend="torch", contract=contract),
        "pieces": SharedCharacters(),
    }


def _measured(dataset: RerankDataset, model: str) -> tuple[BenchmarkResult, dict[str, BaseNodePostprocessor]]:
    retriever = BM25JiebaRetriever(dataset.nodes(), similarity_top_k=DEPTH)
    contestants = _contestants(model)
    metrics = ["nDCG@10", "MRR", "Recall@20"]
    return RerankBenchmark(dataset, contestants, retriever=retriever, metrics=metrics, samples=50).run(), contestants


def _ndcg_at_10(ranking: Sequence[tuple[str, float]], grades: Mapping[str, int]) -> float:
    def gain(values: Sequence[int]) -> float:
        return sum(grade / math.log2(place + 2) for place, grade in enumerate(values[:10]))

    return gain([grades.get(key, 0) for key, _ in ranking]) / gain(sorted(grades.values(), reverse=True))


def _check(result: BenchmarkResult) -> None:
    """What must hold on any data."""
    assert result.contestants == ["retriever", "upstream", "ours", "pieces"]
    for name in result.contestants:
        for query, ranking in result.rankings[name].items():
            # Everybody ranked the same candidates, and the figures are those of the definition.
            assert sorted(key for key, _ in ranking) == sorted(key for key, _ in result.rankings["retriever"][query])
            assert result.scores[name]["nDCG@10"][query] == pytest.approx(_ndcg_at_10(ranking, result.qrels[query]))
        assert result.evaluator_scores[name]["mrr"] == pytest.approx(result.scores[name]["MRR"])
        assert result.evaluator_scores[name]["recall"] == pytest.approx(result.scores[name]["Recall@20"])
        assert result.mean(name, "nDCG@10").value <= result.ceiling["nDCG@10"]
    for query, ranking in result.rankings["ours"].items():
        assert dict(ranking) == pytest.approx(dict(result.rankings["upstream"][query]), abs=1e-4)


@pytest.mark.parametrize("load", [load_handbook, load_guide_zh])
def test_on_the_bundled_sets(load: Callable[[], RerankDataset], tiny_cross_encoder: str) -> None:
    dataset = load()[:25]
    result, contestants = _measured(dataset, tiny_cross_encoder)
    _check(result)
    assert len(result.queries) == 25
    assert result.mean("retriever", "nDCG@10").value > 0.3
    assert result.difference("upstream", "retriever", "nDCG@10").value < -0.1
    assert headroom(result).shares["retriever"] > headroom(result).shares["ours"]  # type: ignore[operator]
    found = costs(result, contestants)
    assert found["ours"].p50 > 0
    assert found["ours"].truncated_share is not None
    assert found["upstream"].truncated_share is found["pieces"].truncated_share is None


def test_on_graded_judgements(shared_data: Path, tiny_cross_encoder: str) -> None:
    dataset = RerankDataset.from_beir(shared_data / "cranfield")[:25]
    result, _ = _measured(dataset, tiny_cross_encoder)
    _check(result)
    assert {grade for grades in result.qrels.values() for grade in grades.values()} == {1, 2, 3, 4}
    assert result.mean("retriever", "nDCG@10").value > 0.3
    assert result.ceiling["nDCG@10"] < 1
