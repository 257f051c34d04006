"""How the road ends: the verdict, the reranker that obeys it, and the files that show why."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import RerankTunerWarning
from llama_index_rerank_tuner.evaluation import RETRIEVER, BenchmarkResult, Verdict, gap_cases
from llama_index_rerank_tuner.evaluation.report import benchmark_table, plot_contestants, plot_gap
from llama_index_rerank_tuner.json_files import write_json
from llama_index_rerank_tuner.mining import MiningReport
from llama_index_rerank_tuner.pipeline.contestants import BASE, BASE_MIX, TUNED, TUNED_MIX
from llama_index_rerank_tuner.reranking import FinetunedRerank, RankMix
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine
from llama_index_rerank_tuner.training.record.model_card import write_model_card
from llama_index_rerank_tuner.training.run.folder import VERDICT_FILE

logger = logging.getLogger(__name__)


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


def judged(
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
    chosen = TUNED_MIX if verdict.outcome == "better" else BASE_MIX
    model, mix = str(engine.model_output_path), RankMix(0.0)
    if chosen in rerankers:
        model, mix = rerankers[chosen].model, rerankers[chosen].mix or mix
    if verdict.outcome != "better":
        _warn_of_fallback(verdict, mix)
    reranker = FinetunedRerank(model, top_n, mix=mix, contract=engine.contract, device=engine.device)
    return TuneResult(reranker, verdict, alone, benchmark, engine.model_output_path, output)


def _warn_of_fallback(verdict: Verdict, mix: RankMix) -> None:
    served = "the retriever's order" if mix.weight == 0 else "the base model with its mix"
    warnings.warn(
        f"Tuning is not proven better ({verdict.outcome}). {verdict.reason}. TuneResult.reranker is {served}. "
        "More labelled questions, a stronger base model or better retrieval may help.",
        RerankTunerWarning,
        stacklevel=4,
    )


def save_data(output: Path, training: RerankDataset, validation: RerankDataset, testing: RerankDataset) -> None:
    """Write the mined training data and the candidates of validation and test, as groups files."""
    (output / "data").mkdir(parents=True, exist_ok=True)
    for name, dataset in (("train", training), ("val", validation), ("test", testing)):
        dataset.to_groups(output / "data" / f"{name}.jsonl")


def save_report(result: TuneResult, mining: MiningReport, engine: CrossEncoderFinetuneEngine) -> None:
    """Write ``report.json``, ``report.md``, the verdict into the checkpoint, and the pictures where they can be."""
    verdict = {"verdict": result.verdict.outcome, "reason": result.verdict.reason, "contestant": TUNED_MIX}
    write_json(result.checkpoint / VERDICT_FILE, verdict)
    report = {
        **verdict,
        "verdict on tuned alone": result.verdict_alone.outcome,
        "mining": mining.to_dict(),
        "training": engine.report,
        "benchmark": result.benchmark.to_dict(),
    }
    write_json(result.output / "report.json", report)
    write_model_card(result.checkpoint, benchmark=report, dataset=engine.train_dataset)
    table = benchmark_table(result.benchmark)
    (result.output / "report.md").write_text(f"{table}\n\nVerdict: {result.verdict.outcome}\n", encoding="utf-8")
    try:
        plot_contestants(result.benchmark, result.output / "contestants.png")
        before = BASE if BASE in result.benchmark.contestants else RETRIEVER
        plot_gap(gap_cases(result.benchmark, before, TUNED), result.output / "gap.png", before, TUNED)
    except ImportError as error:
        logger.warning("No pictures: %s", error)
