"""Every file format by name: how it is recognised, read and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    if path.suffix == ".json" and _is_embedding_qa(path):
        return "embedding_qa"
    _, first = next(read_records(path), (None, {}))
    return _record_format(first)


def _folder_format(folder: Path) -> str:
    if (folder / "corpus.jsonl").exists():
        return "beir"
    if (folder / "collection.tsv").exists() or any(folder.glob("triples*.tsv")):
        return "msmarco"
    layouts = " or ".join(FORMATS[name].layout for name in ("beir", "msmarco"))
    raise DataError(str(folder), "it holds no data set that is known", f"Expected {layouts}.")


def _is_embedding_qa(path: Path) -> bool:
    """Whether a JSON file is one object with the three tables; what is no JSON is for another reader to refuse."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            if not stream.read(64).lstrip().startswith("{"):
                return False
            stream.seek(0)
            value = json.load(stream)
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(value, dict) and {"queries", "corpus"} <= value.keys()


def _record_format(first: Mapping[str, Any]) -> str:
    if "pos" in first:
        return "groups"
    if "relevant_passages" in first:
        return "cohere"
    if {"query_id", "rank", "label", "comment"} <= first.keys():
        return "sheet"
    return "triples"
