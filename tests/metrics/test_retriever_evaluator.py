"""The table in docs/metrics.md: where LlamaIndex's RetrieverEvaluator gives trec_eval's figures, and where not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from llama_index.core import QueryBundle
from llama_index.core.evaluation import RetrieverEvaluator
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, TextNode

from llama_index_rerank_tuner.metrics import score_rankings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"\| `([^`]+)` \| `([^`]+)` \| `(\w+)` ([\d.]+) \| `([^`]+)` ([\d.]+) \|(.*)\|")
ROWS = [match.groups() for match in map(ROW.fullmatch, PAGE.read_text(encoding="utf-8").splitlines()) if match]


class _Returns(BaseRetriever):
    """Returns the same ids for every query."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__()
        self._ids = ids

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [NodeWithScore(node=TextNode(text=each, id_=each), score=1.0) for each in self._ids]


class _Repeats(BaseNodePostprocessor):
    """Returns nodes in an order that may hold one twice, which a retriever's own list never does."""

    ids: list[str]

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        by_id = {each.node.node_id: each for each in nodes}
        return [by_id[each] for each in self.ids]


def _evaluator(metric: str, ids: list[str]) -> RetrieverEvaluator:
    return RetrieverEvaluator.from_metric_names(
        [metric], retriever=_Returns(ids), node_postprocessors=[_Repeats(ids=ids)]
    )


def test_the_page_shows_agreement_and_disagreement_for_every_metric_of_the_evaluator() -> None:
    agree = {theirs for _, _, theirs, figure, _, ours, _ in ROWS if figure == ours}
    differ = {theirs for _, _, theirs, figure, _, ours, _ in ROWS if figure != ours}
    assert agree == differ == {"hit_rate", "mrr", "precision", "recall", "ap", "ndcg"}


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[2]} of {row[1]} for {row[0]}" for row in ROWS])
def test_both_figures_on_the_page_are_what_is_computed(row: tuple[str, ...]) -> None:
    judged, ranked, theirs, their_figure, ours, our_figure, _ = row
    qrels = {each.split(":")[0]: int(each.split(":")[1]) if ":" in each else 1 for each in judged.split()}
    result = _evaluator(theirs, ranked.split()).evaluate("query", list(qrels))
    assert result.metric_vals_dict[theirs] == pytest.approx(float(their_figure), abs=5e-4)
    found = score_rankings({"q": qrels}, {"q": ranked.split()}, [ours])[ours]["q"]
    assert found == pytest.approx(float(our_figure), abs=5e-4)


def test_where_nothing_was_retrieved_the_evaluator_raises_and_the_metrics_are_0() -> None:
    with pytest.raises(ValueError, match="must be provided"):
        _evaluator("mrr", []).evaluate("query", ["a"])
    assert score_rankings({"q": {"a": 1}}, {"q": []}, ["MRR"]) == {"MRR": {"q": 0.0}}
