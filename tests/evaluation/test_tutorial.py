"""``evaluate_reranker``: the tutorial's signature, with the right figures."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core import Document, MockEmbedding, VectorStoreIndex
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llama_index_rerank_tuner.errors import ConfigError, DataError, RerankTunerWarning
from llama_index_rerank_tuner.evaluation.tutorial import evaluate_reranker

RULES = {
    "fee": "The yearly fee of a market stall is forty crowns and is paid in May.",
    "form": "Form AP-2 is handed in at the office together with a photograph.",
    "staff": "Firms with fewer than fifty members of staff may apply for the grant.",
    "refund": "A refund is paid to the account from which the money once came.",
    "wage": "Wages of trainees are set each year by the council of the city.",
    "tax": "The tax on dogs is due on the first working day of each year.",
}


def _index(*texts: str) -> VectorStoreIndex:
    """An index whose embeddings are all the same, so that it finds every node."""
    nodes = [TextNode(text=text, id_=f"node {place}") for place, text in enumerate(texts)]
    return VectorStoreIndex(nodes, embed_model=MockEmbedding(embed_dim=2))


def _asked(query: str, *passages: str) -> dict[str, Any]:
    return {"query": query, "ground_truth_passages": list(passages)}


class ByQuery(BaseNodePostprocessor):
    """Puts the rules in the order in which the query names them; keeps ``top_n``."""

    top_n: int = 10

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise ValueError("no query")
        wanted = [RULES[name] for name in query_bundle.query_str.split()]
        texts = {each.node.get_content(): each for each in nodes}
        return [texts[text] for text in wanted if text in texts][: self.top_n]


def test_the_reranker_is_given_the_query_and_the_first_relevant_rank_counts() -> None:
    order = "form staff fee refund wage tax"
    questions = [_asked(order, RULES[name]) for name in ("form", "fee", "wage", "tax")]
    figures = evaluate_reranker(_index(*RULES.values()), ByQuery(), questions)
    assert figures == {
        "Hit@1": 0.25,
        "Hit@3": 0.5,
        "Hit@5": 0.75,
        "MRR": pytest.approx((1 + 1 / 3 + 1 / 5 + 1 / 6) / 4),
    }


def test_of_several_passages_the_first_found_counts() -> None:
    questions = [_asked("form fee tax", RULES["tax"], RULES["fee"])]
    assert evaluate_reranker(_index(*RULES.values()), ByQuery(), questions)["MRR"] == 0.5


def test_a_passage_that_retrieval_missed_counts_as_not_found() -> None:
    index = _index(RULES["fee"], RULES["form"])
    questions = [_asked("fee form", RULES["fee"]), _asked("fee form", RULES["wage"])]
    assert evaluate_reranker(index, ByQuery(), questions) == {"Hit@1": 0.5, "Hit@3": 0.5, "Hit@5": 0.5, "MRR": 0.5}


def test_an_empty_retrieval_scores_0_and_does_not_ask_the_reranker() -> None:
    class NeverAsked(BaseNodePostprocessor):
        def _postprocess_nodes(self, nodes: list[NodeWithScore], query_bundle: Any = None) -> list[NodeWithScore]:
            raise RuntimeError("asked")

    figures = evaluate_reranker(_index(), NeverAsked(), [_asked("fee", RULES["fee"])])
    assert figures == {"Hit@1": 0.0, "Hit@3": 0.0, "Hit@5": 0.0, "MRR": 0.0}


def test_a_reranker_that_returns_nothing_scores_0() -> None:
    figures = evaluate_reranker(_index(RULES["fee"]), ByQuery(), [_asked("form", RULES["fee"])])
    assert figures["MRR"] == 0.0


def test_no_more_is_retrieved_than_asked() -> None:
    index, questions = _index(*RULES.values()), [_asked("fee form staff", *RULES.values())]
    seen: list[int] = []

    class Counting(BaseNodePostprocessor):
        def _postprocess_nodes(self, nodes: list[NodeWithScore], query_bundle: Any = None) -> list[NodeWithScore]:
            seen.append(len(nodes))
            return nodes

    evaluate_reranker(index, Counting(), questions, similarity_top_k=3)
    evaluate_reranker(index, Counting(), questions)
    assert seen == [3, 6]


def test_metadata_of_a_node_does_not_stand_between_it_and_the_passage() -> None:
    node = TextNode(text="The fee is 40.", metadata={"title": "A long title of nine words that nobody asked for"})
    index = VectorStoreIndex([node], embed_model=MockEmbedding(embed_dim=2))
    assert evaluate_reranker(index, None, [_asked("?", "The fee is 40.")])["MRR"] == 1.0


@pytest.mark.parametrize("chunk_size", [24, 40, 64, 1024])
@pytest.mark.parametrize("name", list(RULES))
def test_a_passage_is_found_through_chunking(name: str, chunk_size: int) -> None:
    splitter = SentenceSplitter(chunk_size=chunk_size, chunk_overlap=8)
    nodes = splitter.get_nodes_from_documents([Document(text=" ".join(RULES.values()))])
    index = VectorStoreIndex(nodes, embed_model=MockEmbedding(embed_dim=2))
    assert evaluate_reranker(index, None, [_asked("?", RULES[name])], similarity_top_k=50)["MRR"] > 0


def test_a_cut_that_is_too_small_for_the_figures_is_told() -> None:
    index, questions = _index(*RULES.values()), [_asked("fee form staff", RULES["staff"])]
    with pytest.warns(RerankTunerWarning, match=r"top_n=2 nodes.*top_n=5 or more"):
        assert evaluate_reranker(index, ByQuery(top_n=2), questions)["MRR"] == 0.0
    assert evaluate_reranker(index, ByQuery(top_n=2), questions, similarity_top_k=2)["MRR"] == 0.0


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ([], "eval_dataset: it holds no question"),
        (["fee"], "item 0: a str is no question"),
        ([_asked("fee", "The fee."), {"query": "fee"}], 'item 1: "ground_truth_passages" is None'),
        ([{"query": "fee", "ground_truth_passages": "The fee."}], "\"ground_truth_passages\" is 'The fee.'"),
        ([{"query": "fee", "ground_truth_passages": []}], r"\"ground_truth_passages\" is \[\]"),
        ([_asked("fee", " ")], "\"ground_truth_passages\" holds ' '"),
        ([_asked(" ", "The fee.")], "\"query\" is ' '"),
    ],
)
def test_what_is_no_question_is_refused_with_its_place(dataset: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluate_reranker(_index(RULES["fee"]), None, dataset)


def test_no_node_is_refused() -> None:
    with pytest.raises(ConfigError, match="similarity_top_k must be a positive number of nodes, got 0"):
        evaluate_reranker(_index(RULES["fee"]), None, [_asked("fee", "The fee.")], similarity_top_k=0)
