"""``rerank-tuner bench``: rerankers compared on test questions, over the same candidates, with a report to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llama_index_rerank_tuner.cli.console import COLOURS, say

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever

    from llama_index_rerank_tuner.dataset import RerankDataset
    from llama_index_rerank_tuner.evaluation import BenchmarkResult
    from llama_index_rerank_tuner.evaluation.reliability import ReliabilityBin
    from llama_index_rerank_tuner.reranking import FinetunedRerank

DEPTHS = (5, 10, 20, 50, 100)
DRAWN = 100
"""Questions of the depth sweep and of the noisy copies, which rerank each of them many times."""


def bench(
    data: Annotated[Path, typer.Argument(help="Labelled test questions with their corpus, in any known format.")],
    reranker: Annotated[
        list[str], typer.Option(help="NAME=CHECKPOINT (directory or hub id); may be repeated. The last is judged.")
    ],
    retriever: Annotated[
        str, typer.Option(help="Where candidates come from: bm25, dense:MODEL, or given (those in the file).")
    ] = "bm25",
    depth: Annotated[int, typer.Option(min=2, help="Candidates a question is reranked over.")] = 30,
    output: Annotated[Path, typer.Option(help="Folder for report.html, .md, .json and the pictures.")] = Path("report"),
    before: Annotated[
        str | None, typer.Option(help="Compared case by case with: by default the first reranker, or the retriever.")
    ] = None,
    after: Annotated[str | None, typer.Option(help="Who is judged: by default the last reranker.")] = None,
    metric: Annotated[str, typer.Option(help="What the verdict is about.")] = "nDCG@10",
    trained_on: Annotated[
        Path | None, typer.Option(help="Training data: a test set that leaks from it is refused.")
    ] = None,
    depths: Annotated[bool, typer.Option("--depths", help="Also quality against time at depths 5 to 100.")] = False,
    noise: Annotated[bool, typer.Option("--noise", help="Also on noisy copies of passages and questions.")] = False,
    reliability: Annotated[
        bool, typer.Option("--reliability", help="Also whether the judged checkpoint's probabilities hold.")
    ] = False,
    journal: Annotated[Path | None, typer.Option(help="File to go on from after a kill.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Calls at the same time.")] = 1,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or mps; by default a GPU where there is one.")] = None,
    group_key: Annotated[str | None, typer.Option(help="Metadata key of the source document (BEIR).")] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the report.")] = None,
    language: Annotated[str, typer.Option(help="en or zh: of the headings and the gap section.")] = "en",
    seed: Annotated[int, typer.Option(help="Same data and seed, same intervals.")] = 0,
) -> None:
    """Compare rerankers on your test questions: is the last one better, by how much, at what cost, and where not?

    rerank-tuner bench test.jsonl --reranker base=BAAI/bge-reranker-base --reranker tuned=tuned_reranker/model
    """
    from llama_index_rerank_tuner.dataset import RerankDataset
    from llama_index_rerank_tuner.evaluation import RerankBenchmark
    from llama_index_rerank_tuner.evaluation.cost import costs
    from llama_index_rerank_tuner.evaluation.depth import depth_sweep
    from llama_index_rerank_tuner.evaluation.report import report_document, write_report
    from llama_index_rerank_tuner.evaluation.report.words import words
    from llama_index_rerank_tuner.evaluation.robustness import robustness

    words(language)
    checkpoints = _checkpoints(reranker)
    before, after = _sides(before, after, list(checkpoints))
    deepest = max(DEPTHS) if depths else depth
    dataset = _with_candidates(RerankDataset.load(data, group_key=group_key), retriever, max(deepest, depth))
    rerankers = _loaded(checkpoints, max(deepest, depth), device)
    calibrated = _calibrated(checkpoints[after], depth, device) if reliability else None
    result = RerankBenchmark(
        dataset,
        rerankers,
        depth=depth,
        workers=workers,
        journal=journal,
        trained_on=None if trained_on is None else RerankDataset.load(trained_on, group_key=group_key),
        metrics=_metrics(metric),
        show_progress=True,
        seed=seed,
    ).run()
    again: dict[str, Any] = {
        "metric": metric,
        "questions": DRAWN,
        "journal": journal,
        "show_progress": True,
        "seed": seed,
    }
    nearest = _first(dataset, depth)
    document = report_document(
        result,
        before=before,
        after=after,
        depth=depth_sweep(dataset, rerankers, DEPTHS, **again) if depths else None,
        noise=robustness(nearest, rerankers, **again) if noise else None,
        reliability=None if calibrated is None else _reliability(nearest, calibrated),
        costs=costs(result, rerankers),
        title=title,
        metric=metric,
    )
    say(_result_lines(result, document, write_report(document, output, language)))


def _checkpoints(given: Sequence[str]) -> dict[str, str]:
    """Name to checkpoint, from ``NAME=CHECKPOINT``."""
    from llama_index_rerank_tuner.errors import ConfigError

    found: dict[str, str] = {}
    for each in given:
        name, equals, checkpoint = each.partition("=")
        if not (name and equals and checkpoint):
            raise ConfigError(f"--reranker is NAME=CHECKPOINT, such as tuned=tuned_reranker/model, got {each!r}.")
        if name in found:
            raise ConfigError(f"Two rerankers are called {name!r}: give each its own name.")
        found[name] = checkpoint
    return found


def _sides(before: str | None, after: str | None, names: Sequence[str]) -> tuple[str, str]:
    """Who is compared with whom, refused before anything is measured."""
    from llama_index_rerank_tuner.errors import ConfigError
    from llama_index_rerank_tuner.evaluation import RETRIEVER

    after = after or names[-1]
    before = before or next((name for name in names if name != after), RETRIEVER)
    for option, name, known in (("--before", before, [RETRIEVER, *names]), ("--after", after, names)):
        if name not in known:
            raise ConfigError(f"{option} is one of {', '.join(known)}, got {name!r}.")
    if before == after:
        raise ConfigError(f"--before and --after are both {before!r}: give two.")
    return before, after


def _with_candidates(dataset: RerankDataset, retriever: str, depth: int) -> RerankDataset:
    """The questions with what the named retriever returns for them."""
    from llama_index_rerank_tuner.mining import attach_candidates

    if retriever == "given":
        return dataset.with_examples(
            # Negatives stand first among given passages, so that ties cost.
            example
            if example.candidates is not None
            else replace(example, candidates=example.negatives + example.positives)
            for example in dataset
        )
    return attach_candidates(dataset, _retriever(dataset, retriever, depth), retriever, show_progress=True)


def _retriever(dataset: RerankDataset, name: str, depth: int) -> BaseRetriever:
    from llama_index_rerank_tuner.errors import ConfigError
    from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever, DenseRetriever, sentence_encoder

    kind, _, model = name.partition(":")
    if name == "bm25":
        return BM25JiebaRetriever(dataset.nodes(), depth)
    if kind == "dense" and model:
        return DenseRetriever(dataset.nodes(), sentence_encoder(model, show_progress=True), depth)
    raise ConfigError(f"--retriever is bm25, dense:MODEL or given, got {name!r}.")


def _loaded(checkpoints: Mapping[str, str], top_n: int, device: str | None) -> dict[str, FinetunedRerank]:
    from llama_index_rerank_tuner.reranking import FinetunedRerank

    return {name: FinetunedRerank(each, top_n, device=device) for name, each in checkpoints.items()}


def _metrics(metric: str) -> list[str]:
    """The usual metrics, with the one asked for among them."""
    from llama_index_rerank_tuner.metrics import DEFAULT_METRICS

    return list(dict.fromkeys([*DEFAULT_METRICS, metric]))


def _first(dataset: RerankDataset, depth: int) -> RerankDataset:
    """The questions with their first candidates only."""
    return dataset.with_examples(replace(each, candidates=(each.candidates or ())[:depth]) for each in dataset)


def _calibrated(checkpoint: str, depth: int, device: str | None) -> FinetunedRerank:
    """The checkpoint as it shows probabilities."""
    from llama_index_rerank_tuner.errors import ConfigError
    from llama_index_rerank_tuner.reranking import FinetunedRerank

    reranker = FinetunedRerank(checkpoint, depth, calibration="auto", device=device)
    if reranker.calibration is None:
        raise ConfigError(f"{checkpoint} has no calibration.json: leave --reliability out, or fit a calibration.")
    return reranker


def _reliability(dataset: RerankDataset, calibrated: FinetunedRerank) -> list[ReliabilityBin]:
    """The probabilities that a reranker shows for the candidates, against what is relevant."""
    from llama_index_rerank_tuner.evaluation import RerankBenchmark
    from llama_index_rerank_tuner.evaluation.reliability import reliability_curve

    result = RerankBenchmark(dataset, {"shown": calibrated}, show_progress=True).run()
    ranked = [(score, result.qrels[q].get(key, 0)) for q, r in result.rankings["shown"].items() for key, score in r]
    return reliability_curve([score for score, _ in ranked], [grade for _, grade in ranked])


def _result_lines(result: BenchmarkResult, document: Mapping[str, Any], files: Sequence[Path]) -> str:
    from llama_index_rerank_tuner.evaluation.report import benchmark_summary, benchmark_table
    from llama_index_rerank_tuner.evaluation.report.sections.verdict import verdict_sentence

    verdict = document["verdict"]
    return "\n".join(
        [
            "",
            benchmark_summary(result),
            benchmark_table(result),
            "",
            f"Verdict: {typer.style(verdict['outcome'], fg=COLOURS[verdict['outcome']], bold=True)}",
            f"  {verdict_sentence(document)}",
            f"  {verdict['reason']}",
            f"  {document['headroom']['advice']}",
            "",
            *(f"{'picture' if path.suffix == '.png' else 'report':<11} {path}" for path in files),
        ]
    )
