"""The two snippets that people paste, with only the import line changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.schema import TextNode

from llama_index_rerank_tuner.dataset import RerankDataset


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path) -> object:
    before = Path.cwd()
    os.chdir(tmp_path)
    yield
    os.chdir(before)


# A tiny random model may or may not learn in the tutorial's few steps; that the snippet runs is what is tested.
@pytest.mark.filterwarnings("default::llama_index_rerank_tuner.errors.RerankTunerWarning")
def test_the_fine_tuning_snippet(learnable: RerankDataset, tiny_cross_encoder: str) -> None:
    split = learnable.split(val=12, test=12)
    train_dataset, val_dataset = ([_sample(row) for row in _triples(side)] for side in (split.train, split.val))
    model_id = tiny_cross_encoder

    from llama_index_rerank_tuner import CrossEncoderFinetuneEngine

    finetuning_engine = CrossEncoderFinetuneEngine(
        train_dataset=train_dataset,
        val_dataset=val_dataset,
        model_id=model_id,
        model_output_path="finetuned_reranker",
        batch_size=16,
        epochs=3,
        learning_rate=2e-5,
        warmup_steps=100,
        show_progress=True,
    )
    finetuning_engine.finetune()
    reranker = finetuning_engine.get_finetuned_model()

    assert finetuning_engine.config.batch_size == 16
    assert finetuning_engine.report["settings"]["warmup_steps"] == 100
    assert len(finetuning_engine.report["curve"]["validation"]) == 4
    assert (Path(reranker.model), reranker.top_n) == (Path("finetuned_reranker").resolve(), 3)


def test_the_query_engine_snippet(tiny_cross_encoder: str) -> None:
    index = VectorStoreIndex(
        [TextNode(text=text) for text in ("fee rule", "grant form", "old cat", "permit office", "tax")],
        embed_model=MockEmbedding(8),
    )

    from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank

    reranker = SentenceTransformerRerank(model=tiny_cross_encoder, top_n=3)
    query_engine = index.as_query_engine(llm=MockLLM(), similarity_top_k=5, node_postprocessors=[reranker])
    assert len(query_engine.query("what fee").source_nodes) == 3


def _triples(dataset: RerankDataset) -> list[tuple[str, str, int]]:
    return [
        (example.query, passage.text, label)
        for example in dataset
        for passages, label in ((example.positives, 1), (example.negatives, 0))
        for passage in passages
    ]


def _sample(row: tuple[str, str, int]) -> dict[str, object]:
    return dict(zip(("query", "passage", "score"), row, strict=True))
