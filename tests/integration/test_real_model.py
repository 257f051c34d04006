"""Real MiniLM weights: a checkpoint tuned from them loads everywhere and ranks the same."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
from llama_index.core.postprocessor import SentenceTransformerRerank as CoreRerank
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank as IntegrationRerank

from llama_index_rerank_tuner import CrossEncoderFinetuneEngine, FinetuneConfig, FinetunedRerank, load_handbook
from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator, imitation_lists
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever

# Whether a few steps help is not the question here, nor that validation borrows a training passage as its negative.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default::llama_index_rerank_tuner.errors.RerankTunerWarning"),
]


@pytest.fixture(scope="module")
def checkpoint(minilm: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few steps on the handbook: enough to be a reranker in form."""
    split = load_handbook().split(val=12, test=300)
    nodes = split.train.nodes()
    sources = {"bm25": BM25JiebaRetriever(nodes, 30)}
    engine = CrossEncoderFinetuneEngine(
        HardNegativeDatasetGenerator(nodes, sources, negatives_per_query=3).generate(split.train),
        split.val.with_examples([_with_negative(e, split.train.examples[0]) for e in split.val]),
        model_id=minilm,
        model_output_path=tmp_path_factory.mktemp("real") / "model",
        warm_start=imitation_lists([e.query for e in split.train], nodes, sources, split.train.contract),
        config=FinetuneConfig(epochs=1, max_length=256),  # longer than any passage: upstream cuts at 512
    )
    engine.finetune()
    return engine.model_output_path


def _with_negative(example: RerankExample, other: RerankExample) -> RerankExample:
    return replace(example, negatives=other.positives)


def handbook_lists() -> list[tuple[str, list[NodeWithScore]]]:
    handbook = load_handbook()
    retriever = BM25JiebaRetriever(handbook.nodes(), 12)
    queries = [example.query for example in handbook[:20]]
    lists = retriever.retrieve_batch(queries)
    plain = [
        [NodeWithScore(node=TextNode(text=each.node.get_content()), score=each.score) for each in f] for f in lists
    ]
    return list(zip(queries, plain, strict=True))


@pytest.mark.parametrize("upstream", [CoreRerank, IntegrationRerank])
def test_both_llamaindex_rerankers_give_the_same_order(checkpoint: Path, upstream: type[IntegrationRerank]) -> None:
    ours, theirs = FinetunedRerank(checkpoint, 12, mix=None), upstream(model=str(checkpoint), top_n=12)
    for query, nodes in handbook_lists():
        mine = ours.postprocess_nodes(nodes, query_str=query)
        reference = theirs.postprocess_nodes(copy.deepcopy(nodes), query_str=query)
        assert [each.node_id for each in mine] == [each.node_id for each in reference]
        assert [each.score for each in mine] == pytest.approx([each.score for each in reference], abs=1e-4)


def test_sentence_transformers_loads_it_as_it_is(checkpoint: Path) -> None:
    from sentence_transformers import CrossEncoder

    ours, theirs = FinetunedRerank(checkpoint, 12, mix=None), CrossEncoder(str(checkpoint))
    for query, nodes in handbook_lists():
        ranked = theirs.rank(query, [each.node.get_content() for each in nodes])
        mine = ours.postprocess_nodes(nodes, query_str=query)
        assert [nodes[each["corpus_id"]].node_id for each in ranked] == [each.node_id for each in mine]


def test_the_warm_started_base_is_a_checkpoint_of_its_own(checkpoint: Path) -> None:
    assert FinetunedRerank(checkpoint / "base").contract == FinetunedRerank(checkpoint).contract
