"""The whole road in one call: labelled questions in, a reranker and a verdict on it out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.split import Size, Split, group_of
from llama_index_rerank_tuner.errors import ConfigError, RerankTunerWarning
from llama_index_rerank_tuner.evaluation import RETRIEVER, BenchmarkResult, RerankBenchmark, Verdict, gap_cases
from llama_index_rerank_tuner.evaluation.report import benchmark_table, plot_contestants, plot_gap
from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator, attach_candidates, imitation_lists
from llama_index_rerank_tuner.models import MINILM
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.reranking import FinetunedRerank, RankMix, ScoredList, fit_mix
from llama_index_rerank_tuner.reranking.cache import CachedScorer
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever, DenseRetriever, FusionRetriever, sentence_encoder
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine, FinetuneConfig
from llama_index_rerank_tuner.training.backbone import has_reranking_head
from llama_index_rerank_tuner.training.output import VERDICT_FILE, check_free, write_json

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import BaseNode

logger = logging.getLogger(__name__)
SOURCE_DEPTH = 100
BASE, BASE_MIX, TUNED, TUNED_MIX = "base", "base + mix", "tuned", "tuned + mix"


@dataclass(frozen=True, slots=True)
class TuneResult:
    """What ``tune_reranker`` made.

    Args:
        reranker: The postprocessor to serve. It obeys the verdict: where tuning is not proven better, it is the base
            model mixed with the retriever's rank, or the retriever's order.
        verdict: On the tuned model with its mix, which is what the checkpoint serves.
        verdict_alone: On the tuned model without the mix.
        benchmark: Every contestant's scores.
        checkpoint: Directory of the tuned model.
        output: Directory of the checkpoint, the mined data and the report.
    """

    reranker: FinetunedRerank
    verdict: Verdict
    verdict_alone: Verdict
    benchmark: BenchmarkResult
    checkpoint: Path
    output: Path


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
    """
    config = config or FinetuneConfig()
    output = Path(output)
    check_free(output / "model", overwrite)
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
    _save_data(output, training, validation, testing)
    engine = CrossEncoderFinetuneEngine(
        training,
        validation,
        model_id=model_id,
        model_output_path=output / "model",
        warm_start=_imitation(split, sources, model_id, config),
        contract=replace(labelled.contract, retriever=name),
        config=config,
        show_progress=show_progress,
        overwrite=overwrite,
        device=device,
    )
    engine.finetune()
    rerankers = _contestants(engine, validation, name, depth, device)
    for base_or_tuned in (BASE, TUNED):
        if base_or_tuned in rerankers:
            _score(rerankers[base_or_tuned], testing)
    benchmark = RerankBenchmark(testing, rerankers, show_progress=show_progress, seed=config.seed).run()
    result = _judged(engine, rerankers, benchmark, output, top_n)
    _save_report(result, generator, engine)
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


def _imitation(
    split: Split, sources: Mapping[str, BaseRetriever], model_id: str, config: FinetuneConfig
) -> list[RerankExample]:
    if not config.warm_start_epochs or has_reranking_head(model_id):
        return []
    queries = [example.query for example in split.train]
    return imitation_lists(queries, split.train.nodes(), sources, split.train.contract, seed=config.seed)


def _contestants(
    engine: CrossEncoderFinetuneEngine, validation: RerankDataset, retriever: str, depth: int, device: str | None
) -> dict[str, FinetunedRerank]:
    """Base and tuned, each alone and with its own mix; the tuned model's mix is saved in its checkpoint.

    A model with a new head and no warm start has no base: its head would be random.
    """
    models = {TUNED: (engine.model_output_path, TUNED_MIX)}
    if not engine.report["new_head"] or engine.report["warm start pairs"]:
        models = {BASE: (Path(engine.base_model_path), BASE_MIX), **models}
    contestants = {}
    for name, (path, mixed_name) in models.items():
        model = _name_or_path(path, engine)
        scorer = CachedScorer(FinetunedRerank(model, mix=None, contract=engine.contract, device=device).scorer)
        alone = FinetunedRerank(model, depth, mix=None, contract=engine.contract, scorer=scorer)
        mix = fit_mix(_score(alone, validation), retriever, seed=engine.config.seed)
        contestants[name] = alone
        contestants[mixed_name] = FinetunedRerank(model, depth, mix=mix, contract=engine.contract, scorer=scorer)
        if name == TUNED:
            mix.save(path)
    return contestants


def _name_or_path(path: Path, engine: CrossEncoderFinetuneEngine) -> str:
    return str(path) if path.is_dir() else engine.model_id


def _score(reranker: FinetunedRerank, dataset: RerankDataset) -> list[ScoredList]:
    """Score every question's candidates in one call, which pads far less than one call a question.

    The reranker's scorer is cached, so that the benchmark finds the scores there.
    """
    contract = reranker.contract
    pairs = [
        (contract.query_text(example.query), contract.passage_text(each.text))
        for example in dataset
        for each in example.candidates or ()
    ]
    scores, start, lists = reranker.scorer(pairs), 0, []
    for example in dataset:
        keys = tuple(each.key for each in example.candidates or ())
        lists.append(
            ScoredList(example.query_id, group_of(example), keys, scores[start : start + len(keys)], example.qrels)
        )
        start += len(keys)
    return lists


def _judged(
    engine: CrossEncoderFinetuneEngine,
    rerankers: Mapping[str, FinetunedRerank],
    benchmark: BenchmarkResult,
    output: Path,
    top_n: int,
) -> TuneResult:
    """The verdicts, and the reranker that obeys them. Like is judged with like: a mix also against the base's mix."""
    bases = [name for name in (BASE, BASE_MIX) if name in rerankers]
    verdict = benchmark.verdict(TUNED_MIX, [RETRIEVER, *bases])
    alone = benchmark.verdict(TUNED, [RETRIEVER, *bases[:1]])
    if verdict.outcome == "better":
        chosen, mix = TUNED, rerankers[TUNED_MIX].mix
    elif alone.outcome == "better":
        chosen, mix = TUNED, None
    else:
        chosen, mix = _fallback(rerankers)
        warnings.warn(
            f"Tuning is not proven better ({verdict.outcome}). {verdict.reason}. TuneResult.reranker is "
            f"{'the retriever order' if mix is not None and mix.weight == 0 else 'the base model with its mix'}. "
            "More labelled questions, a stronger base model or better retrieval may help.",
            RerankTunerWarning,
            stacklevel=3,
        )
    path = rerankers[chosen].model
    reranker = FinetunedRerank(path, top_n, mix=mix, contract=engine.contract, device=engine.device)
    return TuneResult(reranker, verdict, alone, benchmark, engine.model_output_path, output)


def _fallback(rerankers: Mapping[str, FinetunedRerank]) -> tuple[str, RankMix]:
    """The base model with its mix where that helped on validation, else the retriever's order."""
    if BASE_MIX not in rerankers:
        return TUNED, RankMix(0.0)
    mix = rerankers[BASE_MIX].mix or RankMix(0.0)
    helped = mix.evidence["nDCG@10 mixed, out of fold"] > mix.evidence["nDCG@10 retriever"]
    return BASE, mix if helped else RankMix(0.0, mix.retriever)


def _save_data(output: Path, training: RerankDataset, validation: RerankDataset, testing: RerankDataset) -> None:
    output.mkdir(parents=True, exist_ok=True)
    for name, dataset in (("train", training), ("val", validation), ("test", testing)):
        dataset.to_groups(output / f"{name}.jsonl")


def _save_report(
    result: TuneResult, generator: HardNegativeDatasetGenerator, engine: CrossEncoderFinetuneEngine
) -> None:
    """Write ``report.json``, ``report.md``, the verdict into the checkpoint, and the pictures where they can be."""
    verdict = {"verdict": result.verdict.outcome, "reason": result.verdict.reason, "contestant": TUNED_MIX}
    write_json(result.checkpoint / VERDICT_FILE, verdict)
    report = {
        **verdict,
        "verdict on tuned alone": result.verdict_alone.outcome,
        "mining": generator.report.to_dict(),
        "training": engine.report,
        "benchmark": result.benchmark.to_dict(),
    }
    write_json(result.output / "report.json", report)
    table = benchmark_table(result.benchmark)
    (result.output / "report.md").write_text(f"{table}\n\nVerdict: {result.verdict.outcome}\n", encoding="utf-8")
    try:
        plot_contestants(result.benchmark, result.output / "contestants.png")
        before = BASE if BASE in result.benchmark.contestants else RETRIEVER
        plot_gap(gap_cases(result.benchmark, before, TUNED), result.output / "gap.png", before, TUNED)
    except ImportError as error:
        logger.warning("No pictures: %s", error)
