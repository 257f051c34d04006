"""Mining within the question's document or tenant, or in stated parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from llama_index.core.schema import BaseNode, NodeRelationship, RelatedNodeInfo, TextNode

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator, Scope
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
from llama_index_rerank_tuner.text import TextContract
from tests.mining.stand_ins import unguarded


def _node(document: str, number: int) -> TextNode:
    source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document)}
    tenant = {"tenant": "acme" if document in ("a", "b") else "zenith"}
    return TextNode(
        id_=f"{document}{number}", text=f"fee rule {document} {number}", metadata=tenant, relationships=source
    )


NODES = [_node(document, number) for document in "abcd" for number in range(5)]
DATASET = RerankDataset.from_nodes(
    NODES,
    [{"query": f"which fee {document}", "relevant_ids": [f"{document}0"], "query_id": document} for document in "abcd"],
    TextContract("none"),
)


def _mine(
    scope: Scope | str | Mapping[str, float] | None, built: bool = False, count: int = 4
) -> tuple[RerankDataset, HardNegativeDatasetGenerator]:
    retriever = (lambda nodes: BM25JiebaRetriever(nodes, 30)) if built else BM25JiebaRetriever(NODES, 30)
    generator = unguarded(NODES, {"bm25": retriever}, negatives_per_query=count, random_negatives=1, scope=scope)
    return generator.generate(DATASET), generator


def _documents(mined: RerankDataset) -> dict[str, list[str]]:
    return {example.query_id: sorted(passage.key[0] for passage in example.negatives) for example in mined}


@pytest.mark.parametrize("built", [False, True])
def test_within_the_group_all_negatives_are_of_the_questions_document(built: bool) -> None:
    mined, generator = _mine("group", built)
    assert _documents(mined) == {document: [document] * 4 for document in "abcd"}
    assert (generator.report.scope, mined.contract.scope) == ("group", "group")


def test_candidates_outside_the_scope_are_counted() -> None:
    _, outside = _mine("group")
    _, within = _mine("group", built=True)
    assert outside.report.refused["outside the scope group"] == 4 * 15
    assert within.report.refused == {"judged for this question": 4}


@pytest.mark.parametrize("built", [False, True])
def test_a_metadata_key_keeps_negatives_with_the_questions_tenant(built: bool) -> None:
    mined, _ = _mine("metadata:tenant", built, count=8)
    documents = _documents(mined)
    assert set(documents["a"] + documents["b"]) == {"a", "b"}
    assert set(documents["c"] + documents["d"]) == {"c", "d"}
    assert mined.contract.scope == "metadata:tenant"


def test_a_questions_own_metadata_goes_before_its_positives() -> None:
    moved = DATASET.with_examples(
        [type(example)(**_fields(example) | {"metadata": {"tenant": "zenith"}}) for example in DATASET]
    )
    generator = unguarded(NODES, BM25JiebaRetriever(NODES, 30), scope="metadata:tenant")
    assert {passage.key[0] for passage in generator.generate(moved)[0].negatives} <= {"c", "d"}


def _fields(example: object) -> dict[str, object]:
    return {name: getattr(example, name) for name in ("query_id", "query", "positives", "group")}


def test_a_mix_gives_every_part_its_share() -> None:
    mined, generator = _mine({"corpus": 1, "group": 3}, count=4)
    for example in mined:
        own = sum(passage.key[0] == example.query_id for passage in example.negatives)
        assert own >= 2
        assert len({passage.key for passage in example.negatives}) == 4
    assert generator.report.scope == mined.contract.scope == "corpus 1 + group 3"


def test_without_a_scope_it_is_the_whole_corpus() -> None:
    mined, generator = _mine(None)
    assert generator.report.scope == mined.contract.scope == "corpus"
    assert replace(mined.contract, scope=None) == DATASET.contract


def test_a_question_whose_place_is_not_known_is_refused_by_name() -> None:
    dataset = RerankDataset.from_records([{"query": "which fee", "passage": "the fee", "score": 1}])
    generator = unguarded(NODES, BM25JiebaRetriever(NODES), scope="group")
    with pytest.raises(DataError, match=r"the scope is 'group', and its source document is not known\. Give the"):
        generator.generate(dataset)


@pytest.mark.parametrize(
    ("scope", "problem"),
    [
        ("tenant", "A scope is 'corpus', 'group' or 'metadata:<key>', got 'tenant'"),
        ("metadata:", "got 'metadata:'"),
        ({"corpus": 0}, "share of scope 'corpus' must be a positive number, got 0"),
        ({}, "A scope needs a part"),
    ],
)
def test_a_scope_that_cannot_be_is_refused(scope: str | dict[str, float], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Scope.of(scope)


def test_the_scope_travels_in_the_checkpoint_and_an_old_contract_has_none(tmp_path: Path) -> None:
    TextContract(scope="group").save(tmp_path)
    assert TextContract.load(tmp_path) == TextContract(scope="group")
    (tmp_path / "rerank_contract.json").write_text('{"max_length": 96, "retriever": "bm25"}', encoding="utf-8")
    assert TextContract.load(tmp_path) == TextContract(max_length=96, retriever="bm25", scope=None)


def test_one_index_is_built_for_each_document_over_its_own_nodes() -> None:
    built: list[list[str]] = []

    def build(nodes: Sequence[BaseNode]) -> BM25JiebaRetriever:
        built.append([node.node_id for node in nodes])
        return BM25JiebaRetriever(nodes, 30)

    unguarded(NODES, {"bm25": build}, scope="group").generate(DATASET)
    assert built == [[f"{document}{number}" for number in range(5)] for document in "abcd"]
