"""Every file format by name: how it is recognised, read and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset.files.encoding import read_text
from llama_index_rerank_tuner.dataset.files.fields import present_keys
from llama_index_rerank_tuner.dataset.files.lines import read_records
from llama_index_rerank_tuner.dataset.formats.beir import read_beir
from llama_index_rerank_tuner.dataset.formats.beir_export import write_beir
from llama_index_rerank_tuner.dataset.formats.cohere import read_cohere, write_cohere
from llama_index_rerank_tuner.dataset.formats.embedding_qa import read_embedding_qa, write_embedding_qa
from llama_index_rerank_tuner.dataset.formats.groups import read_groups, write_groups
from llama_index_rerank_tuner.dataset.formats.msmarco import read_msmarco, write_msmarco
from llama_index_rerank_tuner.dataset.formats.sheets import read_sheet, write_sheet
from llama_index_rerank_tuner.dataset.formats.triples import read_triples, write_triples
from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

Examples = Sequence[RerankExample]
Corpus = Sequence[Passage]


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    Args:
        layout: What it looks like, for error messages.
        read: Path to questions and the passages beyond those that they name.
        write: Questions, corpus and path.
    """

    layout: str
    read: Callable[[Path], tuple[Examples, Corpus]]
    write: Callable[[Examples, Corpus, Path], None]


FORMATS: Mapping[str, Format] = {
    "triples": Format(
        '{"query", "passage", "score"} records: JSON, JSONL, CSV or TSV',
        lambda path: (read_triples(path), ()),
        lambda examples, _, path: write_triples(examples, path),
    ),
    "groups": Format(
        '{"query", "pos", "neg"} records: JSON or JSONL',
        lambda path: (read_groups(path), ()),
        lambda examples, _, path: write_groups(examples, path),
    ),
    "beir": Format("a folder with corpus.jsonl, queries.jsonl and qrels/", read_beir, write_beir),
    "msmarco": Format(
        "a folder with collection.tsv, queries.tsv and qrels.tsv or triples.tsv", read_msmarco, write_msmarco
    ),
    "embedding_qa": Format(
        'LlamaIndex\'s {"queries", "corpus", "relevant_docs"} JSON', read_embedding_qa, write_embedding_qa
    ),
    "cohere": Format(
        '{"query", "relevant_passages", "hard_negatives"} JSONL',
        lambda path: (read_cohere(path), ()),
        lambda examples, _, path: write_cohere(examples, path),
    ),
    "sheet": Format(
        "an annotation sheet: CSV with query_id, query, passage, label",
        lambda path: (read_sheet(path), ()),
        lambda examples, _, path: write_sheet(examples, path),
    ),
}


def format_named(name: str) -> Format:
    """A format by its name.

    Raises:
        ConfigError: There is no such format.
    """
    if name not in FORMATS:
        raise ConfigError(f"There is no format {name!r}; there are {', '.join(FORMATS)}.")
    return FORMATS[name]


def recognised(path: Path) -> str:
    """The name of the format that a file or folder is in, by its file names or its first record.

    Raises:
        DataError: It is in none that is known, or cannot be read.
    """
    if path.is_dir():
        return _folder_format(path)
    content = _whole_object(path) if path.suffix.lower() == ".json" else None
    if content is not None and {"queries", "corpus"} <= content.keys():
        return "embedding_qa"
    _, first = next(read_records(path), (None, {})) if content is None else (None, content)
    _refuse_parts(path, first)
    if content is not None and not _is_one_line(path):
        problem = f"it is one JSON object (it has {present_keys(content)})"
        raise DataError(str(path), problem, "Expected a JSON list of records, or JSONL: one record a line.")
    return _record_format(first)


def _folder_format(folder: Path) -> str:
    if (folder / "corpus.jsonl").exists() or (folder / "queries.jsonl").exists():
        return "beir"
    if (folder / "collection.tsv").exists() or any(folder.glob("triples*.tsv")):
        return "msmarco"
    layouts = " or ".join(FORMATS[name].layout for name in ("beir", "msmarco"))
    raise DataError(str(folder), "it holds no data set that is known", f"Expected {layouts}.")


def _whole_object(path: Path) -> dict[str, Any] | None:
    """The content of a file that is one JSON object; what is no JSON is for another reader to refuse."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            if not stream.read(64).lstrip().startswith("{"):
                return None
            stream.seek(0)
            value = json.load(stream)
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_one_line(path: Path) -> bool:
    return "\n" not in read_text(path).strip()


def _refuse_parts(path: Path, first: Mapping[str, Any]) -> None:
    """Refuse what is data of a known kind, but not to be read from this file.

    Raises:
        DataError: It is one file of a BEIR folder, or it holds QASPER's papers.
    """
    if {"_id", "text"} <= first.keys() and "query" not in first:
        raise DataError(str(path), "it is one file of a BEIR folder", f"Give the folder: {path.parent}.")
    if {"query-id", "corpus-id"} <= first.keys():
        raise DataError(str(path), "it is one file of a BEIR folder", f"Give the folder: {path.parent.parent}.")
    if any(isinstance(each, Mapping) and {"full_text", "qas"} <= each.keys() for each in (first, *first.values())):
        fix = f"Load them: load_qasper(source={path.name!r}).dataset; save that as a BEIR folder to audit it."
        raise DataError(str(path), "it holds QASPER's papers, not labelled pairs", fix)


def _record_format(first: Mapping[str, Any]) -> str:
    if "pos" in first:
        return "groups"
    if "relevant_passages" in first:
        return "cohere"
    if {"query_id", "rank", "label", "comment"} <= first.keys():
        return "sheet"
    return "triples"
