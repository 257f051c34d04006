"""Reading one document file into its parts (pages, sections), by its suffix."""

from __future__ import annotations

import logging
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llama_index_rerank_tuner.dataset.files.encoding import read_text
from llama_index_rerank_tuner.errors import DataError, MissingExtraError


@dataclass(frozen=True, slots=True)
class Part:
    """A page or a section of a document: its text, and what LlamaIndex nodes call metadata."""

    text: str
    metadata: Mapping[str, str]


def read_parts(path: Path) -> list[Part]:
    """Read a file.

    Args:
        path: A txt, md, html, pdf or docx file, known by its suffix.

    Raises:
        DataError: The file cannot be read; ``problem`` says why.
        MissingExtraError: The package that reads this kind of file is not installed.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        kind = f"the suffix {path.suffix!r} is not read" if path.suffix else "a file without a suffix is not read"
        raise DataError(str(path), kind, f"Read are {', '.join(_READERS)}.")
    try:
        parts = read(path)
    except (DataError, MissingExtraError):
        raise
    # Each reader brings its own exceptions, of several packages, for what a broken file can hold.
    except Exception as error:
        raise DataError(str(path), _why(path, error), "Repair the file, or take it out of the folder.") from error
    if not any(part.text.strip() for part in parts):
        hint = " (a scan?)" if path.suffix.lower() == ".pdf" else ""
        raise DataError(str(path), f"it holds no text{hint}", "Run text recognition on it, or take it out.")
    return [part for part in parts if part.text.strip()]


def _read_plain(path: Path) -> list[Part]:
    return [Part(read_text(path), {})]


def _read_markdown(path: Path) -> list[Part]:
    """Sections, with their headings as metadata, without the settings that site generators keep before them."""
    _need("llama_index.readers.file", "Reading Markdown")
    from llama_index.readers.file import MarkdownReader

    reader = MarkdownReader()
    text = reader.remove_hyperlinks(_FRONT_MATTER.sub("", read_text(path).replace("\r\n", "\n")))
    return [Part(text, {"section": heading} if heading else {}) for heading, text in reader.markdown_to_tups(text)]


def _read_html(path: Path) -> list[Part]:
    """The visible text. LlamaIndex's ``HTMLTagReader`` would take scripts and styles for text."""
    _need("bs4", "Reading HTML")
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(read_text(path), "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    for hidden in soup(["script", "style", "template", "noscript", "head"]):
        hidden.decompose()
    for block in soup(_BLOCKS):
        block.insert_before("\n\n")
        block.insert_after("\n\n")
    for cell in soup(["td", "th", "li", "br", "dt", "dd", "tr"]):
        cell.insert_after("\n" if cell.name in ("br", "li", "tr", "dd") else " ")
    text = re.sub(r"[ \t\r\f\v\xa0]+", " ", soup.get_text())
    text = re.sub(r" ?\n ?", "\n", text)
    return [Part(re.sub(r"\n{3,}", "\n\n", text).strip(), {"title": title} if title else {})]


def _read_pdf(path: Path) -> list[Part]:
    """Pages."""
    _need("llama_index.readers.file", "Reading PDF files")
    _need("pypdf", "Reading PDF files")
    from llama_index.readers.file import PDFReader

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    return [_part(document, "page_label") for document in PDFReader().load_data(path)]


def _read_docx(path: Path) -> list[Part]:
    _need("llama_index.readers.file", "Reading Word files")
    _need("docx2txt", "Reading Word files")
    from llama_index.readers.file import DocxReader

    return [_part(document) for document in DocxReader().load_data(path)]


def _part(document: Any, *keys: str) -> Part:
    return Part(document.text, {key: str(document.metadata[key]) for key in keys if document.metadata.get(key)})


def _need(module: str, what: str) -> None:
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise MissingExtraError(f"{what} needs the package of {module}.", "documents")


def _why(path: Path, error: Exception) -> str:
    """The reason in a reader's exception; its retries wrap it in one of their own."""
    attempt = getattr(error, "last_attempt", None)
    cause = (attempt.exception() if attempt is not None else None) or error
    if type(cause).__name__ in ("FileNotDecryptedError", "DependencyError"):
        return "it is encrypted"
    if isinstance(cause, PermissionError):
        return "it may not be opened"
    if isinstance(cause, zipfile.BadZipFile | KeyError) and path.suffix.lower() == ".docx":
        return "it is damaged or no Word file"
    first = (str(cause).strip() or type(cause).__name__).splitlines()[0]
    return f"it cannot be read ({first[:200]})"


_FRONT_MATTER = re.compile(r"\A---\n(?:[^\n]*\n)*?---\n")
_BLOCKS = ["p", "div", "section", "article", "table", "ul", "ol", "dl", "blockquote", "pre"] + [
    f"h{level}" for level in range(1, 7)
]
_READERS: Mapping[str, Callable[[Path], list[Part]]] = MappingProxyType(
    {
        ".txt": _read_plain,
        ".md": _read_markdown,
        ".markdown": _read_markdown,
        ".html": _read_html,
        ".htm": _read_html,
        ".pdf": _read_pdf,
        ".docx": _read_docx,
    }
)
