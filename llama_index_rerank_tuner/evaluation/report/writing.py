"""The report's files: JSON, Markdown, the page, and a picture of each plot."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.errors import MissingExtraError
from llama_index_rerank_tuner.evaluation.report.charts.png import language_in_pictures, png
from llama_index_rerank_tuner.evaluation.report.content import Plots
from llama_index_rerank_tuner.evaluation.report.document import checked
from llama_index_rerank_tuner.evaluation.report.html_page import report_html
from llama_index_rerank_tuner.evaluation.report.markdown import report_markdown
from llama_index_rerank_tuner.evaluation.report.sections import report_sections
from llama_index_rerank_tuner.json_files import write_json

logger = logging.getLogger(__name__)

REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML = "report.json", "report.md", "report.html"


def write_report(document: Mapping[str, Any], folder: str | Path, language: str = "en") -> list[Path]:
    """Write ``report.json``, ``report.md``, ``report.html`` and a PNG of each plot.

    Without matplotlib (the ``plot`` extra) there are no PNG, which a log line says; the page has its plots all the
    same.

    Args:
        document: See ``report_document``.
        folder: Made where it is not there; files of an earlier report are replaced.
        language: ``en`` or ``zh``: of the headings and the gap section.

    Returns:
        The files.

    Raises:
        ConfigError: There is no such language.
        DataError: It is no document of this schema.
    """
    document = checked(dict(document))
    target = Path(folder)
    page = report_html(document, language)
    target.mkdir(parents=True, exist_ok=True)
    pictures = write_pictures(document, target, language)
    write_json(target / REPORT_JSON, document)
    text = report_markdown(document, language, {path.stem for path in pictures})
    (target / REPORT_MARKDOWN).write_text(text, encoding="utf-8")
    (target / REPORT_HTML).write_text(page, encoding="utf-8")
    return [target / REPORT_JSON, target / REPORT_MARKDOWN, target / REPORT_HTML, *pictures]


def write_pictures(document: Mapping[str, Any], folder: Path, language: str = "en") -> list[Path]:
    """A PNG of each plot; none, and a log line, without matplotlib."""
    try:
        sections = report_sections(document, language_in_pictures(language))
    except MissingExtraError as error:
        logger.warning("No pictures: %s", error)
        return []
    plots = [block for section in sections for block in section.blocks if isinstance(block, Plots)]
    paths = [folder / f"{block.name}.png" for block in plots]
    for block, path in zip(plots, paths, strict=True):
        png(block.charts, path)
    return paths
