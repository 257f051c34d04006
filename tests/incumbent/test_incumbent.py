"""Beside the deprecated package, in an environment that holds it: its objects are taken as they are."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.incumbent


def incumbent() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import llama_index.finetuning
    return llama_index.finetuning


def samples() -> list[Any]:
    from llama_index.finetuning.cross_encoders.dataset_gen import CrossEncoderFinetuningDatasetSample

    return [
        CrossEncoderFinetuningDatasetSample(query=f"what fee {word}", context=f"{word} {topic}", score=score)
        for word in ("city", "firm", "staff", "office", "year", "month", "cat", "dog", "new", "old", "small", "large")
        for topic, score in (("fee", 1), ("permit", 0), ("grant", 0))
    ]


def test_its_sample_objects_train_our_engine(tiny_cross_encoder: str, tmp_path: Path) -> None:
    incumbent()
    from llama_index_rerank_tuner import CrossEncoderFinetuneEngine, FinetuneConfig

    engine = CrossEncoderFinetuneEngine(
        dataset=samples(),
        model_id=tiny_cross_encoder,
        model_output_path=tmp_path / "m",
        config=FinetuneConfig(learning_rate=3e-3),  # what suits MiniLM leaves an untrained model where it was
    )
    assert isinstance(engine, incumbent().types.BaseCrossEncoderFinetuningEngine)
    engine.finetune()
    assert engine.report["settings"]["loss"] == "listnet"
    assert engine.get_finetuned_model(top_n=2).top_n == 2


def test_our_methods_take_the_arguments_of_its_interface() -> None:
    incumbent()
    from llama_index.finetuning.types import BaseCrossEncoderFinetuningEngine

    from llama_index_rerank_tuner import CrossEncoderFinetuneEngine

    for name in ("finetune", "get_finetuned_model"):
        theirs = inspect.signature(getattr(BaseCrossEncoderFinetuningEngine, name)).parameters
        ours = inspect.signature(getattr(CrossEncoderFinetuneEngine, name)).parameters
        assert {each for each in theirs if theirs[each].kind is not inspect.Parameter.VAR_KEYWORD} <= set(ours)


def test_its_own_names_for_data_model_and_path_are_ours(tiny_cross_encoder: str, tmp_path: Path) -> None:
    incumbent()
    from llama_index.finetuning.cross_encoders.cross_encoder import CrossEncoderFinetuneEngine as TheirEngine

    theirs = inspect.signature(TheirEngine.__init__).parameters
    from llama_index_rerank_tuner import CrossEncoderFinetuneEngine

    ours = inspect.signature(CrossEncoderFinetuneEngine.__init__).parameters
    shared = {"dataset", "model_id", "model_output_path", "batch_size", "val_dataset", "epochs"}
    assert shared <= set(theirs)
    assert shared <= set(ours)


def embedding_qa() -> Any:
    return incumbent().EmbeddingQAFinetuneDataset(
        queries={"q1": "谁可以申请？", "q2": "Which form?"},
        corpus={"a": "小微企业。", "b": "The form is AP-2.", "c": "Fees."},
        relevant_docs={"q1": ["a"], "q2": ["b", "c"]},
    )


def test_its_embedding_qa_data_set_is_taken_live_and_from_its_file(tmp_path: Path) -> None:
    from llama_index_rerank_tuner.dataset.coerce import coerce_records
    from llama_index_rerank_tuner.dataset.formats.embedding_qa import read_embedding_qa

    theirs = embedding_qa()
    theirs.save_json(str(tmp_path / "theirs.json"))
    examples, corpus = coerce_records(theirs)
    assert read_embedding_qa(tmp_path / "theirs.json") == (examples, corpus)
    assert [example.qrels for example in examples] == [{"a": 1}, {"b": 1, "c": 1}]
    assert {passage.node_id: passage.text for passage in corpus} == theirs.corpus


def test_it_reads_the_embedding_qa_file_that_we_write(tmp_path: Path) -> None:
    from llama_index_rerank_tuner.dataset.formats.embedding_qa import from_embedding_qa, write_embedding_qa

    theirs = embedding_qa()
    write_embedding_qa(*from_embedding_qa(theirs), tmp_path / "ours.json")
    assert type(theirs).from_json(str(tmp_path / "ours.json")) == theirs


def test_its_cohere_records_are_taken() -> None:
    incumbent()
    from llama_index.finetuning.rerankers.dataset_gen import CohereRerankerFinetuneDataset

    from llama_index_rerank_tuner.dataset.coerce import coerce_examples

    record = CohereRerankerFinetuneDataset(query="Who?", relevant_passages=["Firms."], hard_negatives=["AP-2."])
    (example,) = coerce_examples([record])
    assert ([p.text for p in example.positives], [p.text for p in example.negatives]) == (["Firms."], ["AP-2."])
