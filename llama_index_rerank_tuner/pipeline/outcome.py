"""How the road ends: the verdict, the reranker that obeys it, and the files that show why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.evaluation import RETRIEVER, BenchmarkResult, Verdict
from llama_index_rerank_tuner.evaluation.report import report_document, write_report
from llama_index_rerank_tuner.json_files import write_json
from llama_index_rerank_tuner.mining import MiningReport
from llama_index_rerank_tuner.pipeline.contestants import BASE, BASE_MIX, TUNED, TUNED_MIX
from llama_index_rerank_tuner.pipeline.serving import Serving, choose_serving, reranker_to_serve
from llama_index_rerank_tuner.pipeline.telling import served_in_words, warn_if_not_better
from llama_index_rerank_tuner.reranking import FinetunedRerank
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine
from llama_index_rerank_tuner.training.record.model_card import write_model_card
from llama_index_rerank_tuner.training.run.folder import RUN_FILE, VERDICT_FILE


@dataclass(frozen=True, slots=True)
class TuneResult:
    """What ``tune_reranker`` made.

    Args:
        reranker: The postprocessor to serve. It obeys the verdict: where tuning is not proven better, it is the best on
            validation of the base model, the base model mixed with the retriever's rank, and the retriever's order.
        verdict: On the tuned model with its mix, which is what the checkpoint serves.
        verdict_alone: On the tuned model without the mix.
        benchmark: Every contestant's scores.
        checkpoint: Directory of the tuned model.
        output: Directory of the checkpoint, the mined data and the report.
        serving: Which contestant ``reranker`` is, and whether ``force=True`` made it so.
    """

    reranker: FinetunedRerank
    verdict: Verdict
    verdict_alone: Verdict
    benchmark: BenchmarkResult
    checkpoint: Path
    output: Path
    serving: Serving


def judged(
    engine: CrossEncoderFinetuneEngine,
    rerankers: Mapping[str, FinetunedRerank],
    benchmark: BenchmarkResult,
    output: Path,
    top_n: int,
    force: bool = False,
) -> TuneResult:
    """The verdicts, and the reranker that obeys them. Like is judged with like: a mix also against the base's mix."""
    bases = [name for name in (BASE, BASE_MIX) if name in rerankers]
    verdict = benchmark.verdict(TUNED_MIX, [RETRIEVER, *bases])
    alone = benchmark.verdict(TUNED, [RETRIEVER, *bases[:1]])
    serving = choose_serving(verdict, rerankers, force)
    warn_if_not_better(verdict, serving, benchmark, engine.report["curve"]["alarms"], stacklevel=3)
    reranker = reranker_to_serve(serving, rerankers, engine, top_n)
    return TuneResult(reranker, verdict, alone, benchmark, engine.model_output_path, output, serving)


def save_data(output: Path, training: RerankDataset, validation: RerankDataset, testing: RerankDataset) -> None:
    """Write the mined training data and the candidates of validation and test, as groups files."""
    (output / "data").mkdir(parents=True, exist_ok=True)
    for name, dataset in (("train", training), ("val", validation), ("test", testing)):
        dataset.to_groups(output / "data" / f"{name}.jsonl")


def save_report(result: TuneResult, mining: MiningReport, engine: CrossEncoderFinetuneEngine) -> None:
    """Write the report, the record of the run (``run.json``), and the verdict and the card into the checkpoint."""
    verdict = _stored_verdict(result)
    write_json(result.checkpoint / VERDICT_FILE, verdict)
    record = {
        **verdict,
        "verdict on tuned alone": result.verdict_alone.outcome,
        "validation before tuning": dict(result.serving.validation),
        "mining": mining.to_dict(),
        "training": engine.report,
        "benchmark": result.benchmark.to_dict(),
    }
    write_json(result.output / RUN_FILE, record)
    write_model_card(result.checkpoint, benchmark=record, dataset=engine.train_dataset)
    before = BASE if BASE in result.benchmark.contestants else RETRIEVER
    title = f"{TUNED_MIX} against {before}; served: {served_in_words(result.serving)}"
    document = report_document(result.benchmark, before=before, after=TUNED_MIX, verdict=result.verdict, title=title)
    write_report(document, result.output)


def _stored_verdict(result: TuneResult) -> dict[str, Any]:
    """What the checkpoint says of itself."""
    return {
        "verdict": result.verdict.outcome,
        "reason": result.verdict.reason,
        "contestant": result.verdict.contestant,
        "smallest detectable difference": result.verdict.smallest_detectable,
        "served": result.serving.name,
        "forced": result.serving.forced,
    }
