"""The one place that prints."""

from __future__ import annotations

import logging
import os
import warnings
from typing import TYPE_CHECKING

import typer

from llama_index_rerank_tuner.errors import RerankTunerWarning

if TYPE_CHECKING:
    from llama_index_rerank_tuner.pipeline import TuneResult

COLOURS = {"better": typer.colors.GREEN, "worse": typer.colors.RED, "no evidence": typer.colors.YELLOW}


def say(text: str) -> None:
    """Print to standard output."""
    typer.echo(text)


def error(text: str) -> None:
    """Print a problem to standard error."""
    typer.secho(f"Error: {text}", err=True, fg=typer.colors.RED)


def quiet_libraries() -> None:
    """Show this package's messages and warnings, one line each, and hush what the libraries report while loading."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("llama_index_rerank_tuner").setLevel(logging.INFO)
    for noisy in ("sentence_transformers", "transformers", "jieba", "bm25s", "httpx"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    warnings.filterwarnings("always", category=RerankTunerWarning)
    warnings.showwarning = lambda message, *_, **__: typer.secho(f"Warning: {message}", err=True, fg="yellow")


def result_lines(result: TuneResult) -> str:
    """The table, the verdict and where everything lies."""
    from llama_index_rerank_tuner.evaluation.report import benchmark_summary, benchmark_table
    from llama_index_rerank_tuner.pipeline.telling import served_in_words

    verdict = result.verdict
    return "\n".join(
        [
            "",
            benchmark_summary(result.benchmark),
            benchmark_table(result.benchmark),
            "",
            f"Verdict: {typer.style(verdict.outcome, fg=COLOURS[verdict.outcome], bold=True)}",
            f"  {verdict.reason}",
            f"  tuned alone: {result.verdict_alone.outcome}",
            f"Served: {served_in_words(result.serving)}",
            "",
            f"checkpoint  {result.checkpoint}",
            f"report      {result.output / 'report.html'}",
            *(f"picture     {path}" for path in sorted(result.output.glob("*.png"))),
        ]
    )
