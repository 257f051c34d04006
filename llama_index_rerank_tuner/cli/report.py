"""``rerank-tuner report``: a benchmark's report.json as a page, Markdown and pictures again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llama_index_rerank_tuner.cli.console import say


def report(
    file: Annotated[Path, typer.Argument(help="report.json of a benchmark.")],
    output: Annotated[Path | None, typer.Option(help="Folder to write to; by default the file's own.")] = None,
    language: Annotated[str, typer.Option(help="en or zh: of the headings and the gap section.")] = "en",
) -> None:
    """Write a benchmark's report.html, report.md and pictures again, from its report.json."""
    from llama_index_rerank_tuner.evaluation.report import load_document, write_report

    for path in write_report(load_document(file), file.parent if output is None else output, language):
        say(str(path))
