"""A small benchmark whose figures can be computed by hand, with texts that would hurt a page that trusts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index_rerank_tuner.evaluation import BenchmarkResult, Estimate
from llama_index_rerank_tuner.evaluation.cost import Cost
from llama_index_rerank_tuner.evaluation.depth import DepthRow, DepthSweep, Recommendation
from llama_index_rerank_tuner.evaluation.reliability import ReliabilityBin
from llama_index_rerank_tuner.evaluation.replay import Ranking
from llama_index_rerank_tuner.evaluation.report import report_document
from llama_index_rerank_tuner.evaluation.robustness import NoiseRow
from llama_index_rerank_tuner.metrics import score_rankings
from llama_index_rerank_tuner.records import Passage, RerankExample

HOSTILE_QUERY = "<script>window.hurt = 1</script> a|b `c` *d* 税 & </textarea>"
HOSTILE_TEXT = '"><img src="http://127.0.0.1:9/x.png" onerror="window.hurt = 1"></li></details></script><b>bold</b>'
BASE = "base <i>"
METRICS = ("nDCG@10", "Hit@1")
QUERIES = ("What is due?", "Who pays?", "Where is it?", "怎么申请？", "When is it?", HOSTILE_QUERY)


def small_result(queries: Sequence[str] = QUERIES) -> BenchmarkResult:
    """Every question finds ``n1, n2, p``: the retriever leaves p third, the base puts it second.

    The tuned one puts it first, except in the last question, where it is third.
    """
    asked = {f"q{i}": _question(f"q{i}", query, f"document {i}") for i, query in enumerate(queries)}
    last = list(asked)[-1]
    rankings: dict[str, dict[str, Ranking]] = {
        "retriever": {id_: [("n1", 3.0), ("n2", 2.0), ("p", 1.0)] for id_ in asked},
        BASE: {id_: [("n1", 0.75), ("p", 0.5), ("n2", 0.25)] for id_ in asked},
        "tuned": {id_: [("p", 7.0), ("n2", -1.0), ("n1", -3.0)] for id_ in asked},
    }
    rankings["tuned"][last] = [("n1", 4.0), ("n2", 3.0), ("p", 2.0)]
    qrels = {id_: example.qrels for id_, example in asked.items()}
    return BenchmarkResult(
        scores={name: score_rankings(qrels, _keys(ranked), METRICS) for name, ranked in rankings.items()},
        rankings=rankings,
        qrels=qrels,
        queries={id_: example.query for id_, example in asked.items()},
        groups={id_: str(example.group) for id_, example in asked.items()},
        without_candidates=0,
        ceiling={"nDCG@10": 1.0, "Hit@1": 1.0},
        reference="retriever",
        samples=200,
        examples=asked,
        seconds={name: dict.fromkeys(asked, 0.02) for name in rankings},
    )


def small_document(result: BenchmarkResult | None = None, **given: Any) -> dict[str, Any]:
    """Its report, with every section."""
    measured: dict[str, Any] = {
        "depth": DepthSweep([_row(5, 0.5), _row(10, 0.75)], Recommendation(10, 3, "tuned needs ten")),
        "noise": [
            NoiseRow("passages", "ocr", 0.05, "tuned", Estimate(0.7, 0.6, 0.8), Estimate(0.21, 0.1, 0.3)),
            NoiseRow("queries", "typo", 0.1, "tuned", Estimate(0.9, 0.8, 1.0), Estimate(0.01, -0.1, 0.1)),
        ],
        "reliability": [ReliabilityBin(0.1, 0.125, 8), ReliabilityBin(0.9, 0.75, 4)],
        "costs": {"tuned": Cost(0.0125, 0.03, 1234.5, 0.125, 512.0), BASE: Cost(0.002, 0.004, 99.0, None, 512.0)},
        "title": "Fees <b>2026</b>",
        "created": "2026-01-02T03:04:05+00:00",
    }
    return report_document(result or small_result(), before=BASE, after="tuned", **(measured | given))


def _row(depth: int, value: float) -> DepthRow:
    return DepthRow("tuned", depth, Estimate(value, value - 0.1, value + 0.1), depth / 1000, depth / 500)


def _question(query_id: str, query: str, group: str) -> RerankExample:
    passages = [Passage(HOSTILE_TEXT, "n1"), Passage("Dogs & cats.", "n2"), Passage("It is due in May.", "p", 1.0)]
    missed = Passage("Never found.", "missed", 1.0)
    return RerankExample(query_id, query, (passages[2], missed), candidates=tuple(passages), group=group)


def _keys(rankings: Mapping[str, Ranking]) -> dict[str, list[str]]:
    return {query: [key for key, _ in ranking] for query, ranking in rankings.items()}
