"""The whole road in one call: labelled questions in, a reranker and a verdict on it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.split import Size, Split
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation import RerankBenchmark
from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator, attach_candidates, imitation_lists
from llama_index_rerank_tuner.models import MINILM
from llama_index_rerank_tuner.pipeline.contestants import BASE, TUNED, build_contestants, score_candidates
from llama_index_rerank_tuner.pipeline.outcome import TuneResult, judged, save_data, save_report
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever, DenseRetriever, FusionRetriever, sentence_encoder
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine, FinetuneConfig
from llama_index_rerank_tuner.training.backbone import has_reranking_head
from llama_index_rerank_tuner.training.output import check_free

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import BaseNode

SOURCE_DEPTH = 100


def tune_reranker(
    dataset: RerankDataset | None = None,
    *,
    nodes: Sequence[BaseNode] | None = None,
    questions: Iterable[Mapping[str, Any]] | None = None,
    retrievers: Mapping[str, BaseRetriever] | BaseRetriever | None = None,
    model_id: str = MINILM,
    output: str | Path = "tuned_reranker",
    depth: int = 30,
    top_n: int = 3,
    val: Size = 0.1,
    test: Size = 0.2,
    config: FinetuneConfig | None = None,
    negatives_per_query: int = 5,
    show_progress: bool = False,
    overwrite: bool = False,
    device: str | None = None,
) -> TuneResult:
    """Split, mine, tune, benchmark, judge.

    Give either a ``dataset`` (its corpus is searched), or ``nodes`` with labelled ``questions``.

    Args:
        dataset: Labelled questions over a corpus.
        nodes: The nodes of the app.
        questions: ``{"query": ..., "relevant_ids": [node ids]}``, for ``nodes``.
        retrievers: The app's retriever, or several by name, which are fused by reciprocal rank. They must search the
            same nodes. None takes BM25 and all-MiniLM-L6-v2 embeddings.
        model_id: Cross-encoder or encoder to tune. An encoder gets a new head and a warm start.
        output: Directory for the checkpoint (``model/``), the mined data and the report.
        depth: Candidates a query is reranked over.
        top_n: Nodes that the returned reranker returns.
        val: Share or number of questions to validate on; whole groups.
        test: Share or number of questions to test on; whole groups.
        config: Training settings.
        negatives_per_query: Negatives mined for a training question.
        show_progress: Show progress bars.
        overwrite: Replace an earlier run in ``output``.
        device: ``cpu``, ``cuda``, ``mps``; None takes a GPU where there is one.

    Returns:
        The reranker that obeys the verdict, the verdict, and the figures behind it.

    Raises:
        ConfigError: Neither or both of ``dataset`` and ``nodes`` are given.
        DataError: The data cannot be used; the message says where and what to do.
        CheckpointExistsError: ``output`` holds a run, and ``overwrite`` is False.
        CheckpointNotFoundError: There is no such model.
    """
    config = config or FinetuneConfig()
    output = Path(output)
    check_free(output / "model", overwrite)
    new_head = not has_reranking_head(model_id)
    labelled = _dataset(dataset, nodes, questions)
    labelled.require_positives()
    split = labelled.split(val=val, test=test, seed=config.seed)
    sources, serving = _retrieval(labelled, nodes, retrievers, depth, show_progress)
    name = " + ".join(sources)
    validation = attach_candidates(split.val, serving, name, show_progress)
    testing = attach_candidates(split.test, serving, name, show_progress)
    generator = HardNegativeDatasetGenerator(
        split.train.nodes(), sources, negatives_per_query=negatives_per_query, seed=config.seed
    )
    training = generator.generate(split.train)
    save_data(output, training, validation, testing)
    engine = CrossEncoderFinetuneEngine(
        training,
        validation,
        model_id=model_id,
        model_output_path=output / "model",
        warm_start=_imitation(split, sources, config) if new_head else None,
        contract=replace(labelled.contract, retriever=name),
        config=config,
        show_progress=show_progress,
        overwrite=overwrite,
        device=device,
    )
    engine.finetune()
    rerankers = build_contestants(engine, validation, name, depth, device)
    for base_or_tuned in (BASE, TUNED):
        if base_or_tuned in rerankers:
            score_candidates(rerankers[base_or_tuned], testing)
    benchmark = RerankBenchmark(testing, rerankers, show_progress=show_progress, seed=config.seed).run()
    result = judged(engine, rerankers, benchmark, output, top_n)
    save_report(result, generator.report, engine)
    return result


def _dataset(
    dataset: RerankDataset | None, nodes: Sequence[BaseNode] | None, questions: Iterable[Mapping[str, Any]] | None
) -> RerankDataset:
    if dataset is not None and nodes is None and questions is None:
        return dataset
    if dataset is None and nodes is not None and questions is not None:
        return RerankDataset.from_nodes(nodes, questions)
    raise ConfigError("Give either dataset=, or nodes= with questions=.")


def _retrieval(
    dataset: RerankDataset,
    nodes: Sequence[BaseNode] | None,
    retrievers: Mapping[str, BaseRetriever] | BaseRetriever | None,
    depth: int,
    show_progress: bool,
) -> tuple[dict[str, BaseRetriever], BaseRetriever]:
    """The sources that are mined, and the fused list that the app would rerank."""
    if retrievers is None:
        searched = nodes if nodes is not None else dataset.nodes()
        encode = sentence_encoder(MINILM, show_progress=show_progress)
        sources: dict[str, BaseRetriever] = {
            "bm25": BM25JiebaRetriever(searched, SOURCE_DEPTH),
            "dense:all-MiniLM-L6-v2": DenseRetriever(searched, encode, SOURCE_DEPTH),
        }
    else:
        sources = dict(retrievers) if isinstance(retrievers, Mapping) else {"retriever": retrievers}
    return sources, FusionRetriever(sources, similarity_top_k=depth)


def _imitation(split: Split, sources: Mapping[str, BaseRetriever], config: FinetuneConfig) -> list[RerankExample]:
    if not config.warm_start_epochs:
        return []
    queries = [example.query for example in split.train]
    return imitation_lists(queries, split.train.nodes(), sources, split.train.contract, seed=config.seed)
