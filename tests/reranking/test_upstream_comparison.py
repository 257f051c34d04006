"""The same checkpoint under the same contract, without mix and calibration: upstream's scores and order."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from llama_index.core.postprocessor import SentenceTransformerRerank as CoreRerank
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank

from llama_index_rerank_tuner.dataset import load_handbook
from llama_index_rerank_tuner.reranking import FinetunedRerank
from tests.conftest import WORDS


def random_nodes(rng: random.Random, most: int = 12, longest: int = 60) -> list[NodeWithScore]:
    """Nodes of known words with metadata, some of them longer than a tiny model reads, some of the same text."""
    texts = [" ".join(rng.choices(WORDS, k=rng.choice([1, 8, 30, longest]))) for _ in range(rng.randint(1, most))]
    texts += rng.choices(texts, k=rng.randint(0, 2))
    return [NodeWithScore(node=TextNode(text=text, metadata={"page": i}), score=0.5) for i, text in enumerate(texts)]


def agree(mine: Sequence[NodeWithScore], reference: Sequence[NodeWithScore]) -> None:
    """Scores within 1e-4; the same order, except where upstream's own scores differ by less than 1e-5."""
    expected = {each.node_id: float(each.score or 0) for each in reference}
    assert {each.node_id for each in mine} == set(expected)
    assert [each.score for each in mine] == pytest.approx([expected[each.node_id] for each in mine], abs=1e-4)
    assert all(expected[a.node_id] > expected[b.node_id] - 1e-5 for a, b in pairwise(mine))


@pytest.mark.parametrize(
    ("upstream", "seed", "count"),
    [
        (SentenceTransformerRerank, 0, 50),
        (CoreRerank, 1, 30),
        pytest.param(SentenceTransformerRerank, 2, 1000, marks=pytest.mark.slow),
    ],
)
def test_random_lists_on_a_tiny_model(
    tiny_cross_encoder: str, upstream: type[SentenceTransformerRerank], seed: int, count: int
) -> None:
    ours = FinetunedRerank(tiny_cross_encoder, 20, mix=None)
    theirs = upstream(model=tiny_cross_encoder, top_n=20, device="cpu")
    rng = random.Random(seed)
    for _ in range(count):
        nodes, query = random_nodes(rng), " ".join(rng.choices(WORDS, k=5))
        reference = theirs.postprocess_nodes(copy.deepcopy(nodes), query_str=query)
        agree(ours.postprocess_nodes(nodes, query_str=query), reference)


def test_pairs_are_cut_as_upstream_cuts_them(tiny_cross_encoder: str) -> None:
    """Passages and a query far longer than the model's 128 positions."""
    nodes = [NodeWithScore(node=TextNode(text=" ".join(WORDS[i : i + 9] * 40)), score=0.5) for i in range(6)]
    theirs = SentenceTransformerRerank(
        model=tiny_cross_encoder, top_n=6, device="cpu", cross_encoder_kwargs={"max_length": 128}
    )
    ours = FinetunedRerank(tiny_cross_encoder, 6, mix=None)
    for query in ("what fee", " ".join(WORDS * 5)):
        reference = theirs.postprocess_nodes(copy.deepcopy(nodes), query_str=query)
        agree(ours.postprocess_nodes(nodes, query_str=query), reference)


@pytest.mark.slow
def test_random_lists_on_minilm(minilm: str, tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder
    from transformers import set_seed

    set_seed(0)
    CrossEncoder(minilm, num_labels=1, device="cpu").save_pretrained(str(tmp_path / "reranker"))
    model = str(tmp_path / "reranker")
    handbook = list(load_handbook())
    passages = [each.text for each in load_handbook().corpus]
    ours = FinetunedRerank(model, 20, mix=None)
    theirs = SentenceTransformerRerank(model=model, top_n=20, device="cpu")
    rng = random.Random(0)
    for example in rng.sample(handbook, 20):
        texts = rng.sample(passages, rng.randint(2, 20))
        nodes = [
            NodeWithScore(node=TextNode(text=text, metadata={"page": i}), score=0.5) for i, text in enumerate(texts)
        ]
        reference = theirs.postprocess_nodes(copy.deepcopy(nodes), query_str=example.query)
        agree(ours.postprocess_nodes(nodes, query_str=example.query), reference)
