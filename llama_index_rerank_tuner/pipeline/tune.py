"""The whole road in one call: labelled questions in, a reranker and a verdict on it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.splitting.split import Size, Split
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation import RerankBenchmark
from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator, attach_candidates, imitation_lists
from llama_index_rerank_tuner.mining.guards import Guard
from llama_index_rerank_tuner.models import MINILM
from llama_index_rerank_tuner.pipeline.contestants import BASE, TUNED, build_contestants, score_candidates
from llama_index_rerank_tuner.pipeline.outcome import TuneResult, judged, save_data, save_report
from llama_index_rerank_tuner.pipeline.sides import cut_in_three, refuse_taught_before, searched_together
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.retrieval import (
    BM25JiebaRetriever,
    DenseRetriever,
    FusionRetriever,
    RememberingRetriever,
    sentence_encoder,
)
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine, FinetuneConfig
from llama_index_rerank_tuner.training.model.backbone import needs_new_head
from llama_index_rerank_tuner.training.run.folder import check_free

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
    test: Size | RerankDataset = 0.2,
    config: FinetuneConfig | None = None,
    negatives_per_query: int = 5,
    guards: Sequence[Guard] | None = None,
    show_progress: bool = False,
    overwrite: bool = False,
    device: str | None = None,
    force: bool = False,
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
        output: Directory for the checkpoint (``model/``), the mined data (``data/``) and the report.
        depth: Candidates a query is reranked over.
        top_n: Nodes that the returned reranker returns.
        val: Share or number of questions to validate on; whole groups.
        test: Share or number of questions to test on; whole groups. Or the test questions, where they are held out
            already: a ``RerankDataset`` made under the same text contract.
        config: Training settings.
        negatives_per_query: Negatives mined for a training question.
        guards: Guards against false negatives (``mining.guards``); None for the default ones, ``()`` for none, which is
            right where every relevant passage is labelled.
        show_progress: Show progress bars.
        overwrite: Replace an earlier run in ``output``.
        device: ``cpu``, ``cuda``, ``mps``; None takes a GPU where there is one.
        force: Serve the tuned reranker even where it is not proven better; the checkpoint's verdict and model card
            record it.

    Returns:
        The reranker that obeys the verdict, the verdict, and the figures behind it.

    Raises:
        ConfigError: Neither or both of ``dataset`` and ``nodes`` are given, a count is not positive, or the retriever
            searches other nodes.
        DataError: The data cannot be used; the message says where and what to do.
        LeakError: Test questions stand in the training data with their answers, or in what ``model_id`` was tuned on in
            an earlier run; the message lists them.
        CheckpointExistsError: ``output`` holds a run, and ``overwrite`` is False.
        CheckpointNotFoundError: There is no such model.
        ScoreError: The tuned model collapsed, or gives scores that are no numbers.

    Warns:
        RerankTunerWarning: Tuning is not proven better. The warning has the differences, the smallest difference that
            the test could have shown, what is served instead, and what to try.
    """
    config = config or FinetuneConfig()
    output = Path(output).expanduser()
    _check_request(output, overwrite, depth=depth, top_n=top_n, negatives_per_query=negatives_per_query)
    new_head = needs_new_head(model_id, config.replace_head)
    labelled = searched_together(_dataset(dataset, nodes, questions), test)
    split = cut_in_three(labelled, val, test, config.seed)
    refuse_taught_before(model_id, split.test)
    sources = _sources(labelled, nodes, retrievers, show_progress)
    serving, name = FusionRetriever(sources, similarity_top_k=depth), " + ".join(sources)
    validation = attach_candidates(split.val, serving, name)
    testing = attach_candidates(split.test, serving, name)
    for held_out in (validation, testing):
        _check_same_nodes(labelled, held_out)
    generator = HardNegativeDatasetGenerator(
        split.train.nodes(),
        sources,
        negatives_per_query=negatives_per_query,
        random_negatives=min(1, negatives_per_query - 1),
        seed=config.seed,
        guards=guards,
    )
    training = generator.generate(split.train)
    engine = CrossEncoderFinetuneEngine(
        training,
        validation,
        model_id=model_id,
        model_output_path=output / "model",
        warm_start=_imitation(split, sources, config) if new_head else None,
        contract=replace(training.contract, retriever=name),
        config=config,
        show_progress=show_progress,
        overwrite=overwrite,
        device=device,
    )
    engine.finetune()
    save_data(output, training, validation, testing)
    rerankers = build_contestants(engine, validation, name, depth, device)
    for base_or_tuned in (BASE, TUNED):
        if base_or_tuned in rerankers:
            score_candidates(rerankers[base_or_tuned], testing)
    benchmark = RerankBenchmark(
        testing, rerankers, trained_on=training, show_progress=show_progress, seed=config.seed
    ).run()
    result = judged(engine, rerankers, benchmark, output, top_n, force)
    save_report(result, generator.report, engine)
    return result


def _check_request(output: Path, overwrite: bool, **counts: int) -> None:
    """Refuse before any work what would be refused after it."""
    for name, value in counts.items():
        if value < 1:
            raise ConfigError(f"{name} must be a positive integer, got {value}.")
    check_free(output / "model", overwrite)
    if output.is_file() or (output.is_dir() and any(output.iterdir()) and not (output / "model").is_dir()):
        raise ConfigError(f"{str(output)!r} holds files that are no earlier run; give a new or empty directory.")


def _check_same_nodes(labelled: RerankDataset, asked: RerankDataset) -> None:
    """Refuse a retriever that searches other nodes than the labels name."""
    known = {passage.key for passage in labelled.corpus}
    found = {passage.key for example in asked for passage in example.candidates or ()}
    if found.isdisjoint(known):
        raise ConfigError(
            "The retriever returns none of the nodes that the questions are labelled with: their ids differ. Build the "
            "index from the same node objects, VectorStoreIndex(nodes), and not from the documents again."
        )


def _dataset(
    dataset: RerankDataset | None, nodes: Sequence[BaseNode] | None, questions: Iterable[Mapping[str, Any]] | None
) -> RerankDataset:
    if dataset is not None and nodes is None and questions is None:
        return dataset
    if dataset is None and nodes is not None and questions is not None:
        return RerankDataset.from_nodes(nodes, questions)
    raise ConfigError("Give either dataset=, or nodes= with questions=.")


def _sources(
    dataset: RerankDataset,
    nodes: Sequence[BaseNode] | None,
    retrievers: Mapping[str, BaseRetriever] | BaseRetriever | None,
    show_progress: bool,
) -> dict[str, BaseRetriever]:
    """The retrievers by name, each asked a question only once."""
    if retrievers is None:
        searched = nodes if nodes is not None else dataset.nodes()
        encode = sentence_encoder(MINILM, show_progress=show_progress)
        retrievers = {
            "bm25": BM25JiebaRetriever(searched, SOURCE_DEPTH),
            "dense:all-MiniLM-L6-v2": DenseRetriever(searched, encode, SOURCE_DEPTH),
        }
    elif not isinstance(retrievers, Mapping):
        retrievers = {"retriever": retrievers}
    return {name: RememberingRetriever(retriever, show_progress) for name, retriever in retrievers.items()}


def _imitation(split: Split, sources: Mapping[str, BaseRetriever], config: FinetuneConfig) -> list[RerankExample]:
    if not config.warm_start_epochs:
        return []
    queries = [example.query for example in split.train]
    return imitation_lists(
        queries,
        split.train.nodes(),
        sources,
        split.train.contract,
        lists_per_query=config.warm_start_lists,
        seed=config.seed,
    )
