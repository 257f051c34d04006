"""MS MARCO folders: ``collection.tsv``, ``queries.tsv``, ``qrels.tsv``, and triples of ids or of texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from llama_index_rerank_tuner.dataset.files.encoding import decoded_lines
from llama_index_rerank_tuner.dataset.files.fields import checked_text, number, shown
from llama_index_rerank_tuner.dataset.formats.msmarco_export import write_msmarco, write_text_triples
from llama_index_rerank_tuner.dataset.formats.tuples import QueryTuple, gather_tuples
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

__all__ = ["read_msmarco", "write_msmarco", "write_text_triples"]

QRELS_COLUMNS = "Expected query id, 0, passage id and grade, separated by tabs or spaces."
TRIPLES_COLUMNS = "Expected query, positive and negative, tab-separated."


@dataclass
class _Judged:
    """What the files say of one question: where it stood first, and passage id to grade on each side."""

    where: str
    positives: dict[str, float] = field(default_factory=dict)
    negatives: dict[str, float] = field(default_factory=dict)


def read_msmarco(folder: str | Path, split: str | None = None) -> tuple[list[RerankExample], list[Passage]]:
    """Read an MS MARCO folder: the judged questions, and the whole collection.

    ``qrels.tsv`` and ``triples.tsv`` are merged; a grade above 0 is relevant. Questions without a judgement are left
    out. Triples hold ids where there is a ``collection.tsv``; without one they hold texts, and the corpus is empty.

    Args:
        folder: The folder.
        split: ``dev`` reads ``qrels.dev.tsv``, ``triples.dev.tsv`` and ``queries.dev.tsv`` (without one, every queries
            file); None reads every file of those kinds, whatever its split.

    Raises:
        DataError: Names the file and the line that cannot be used, or the file that is missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(str(folder), "no such folder", "Check the path.")
    qrels, triples = _files(folder, "qrels", split), _files(folder, "triples", split)
    if not qrels and not triples:
        dot = "" if split is None else f"{split}."
        raise DataError(str(folder), "it holds no judgements", f"Expected qrels.{dot}tsv or triples.{dot}tsv.")
    if not qrels and not (folder / "collection.tsv").exists():
        return gather_tuples(_text_triples(triples)), []
    collection = _texts([folder / "collection.tsv"])
    queries = _texts(_files(folder, "queries", split) or _files(folder, "queries", None) or [folder / "queries.tsv"])
    judged = _judgements(qrels, triples, queries, collection)
    examples = [_example(query_id, queries[query_id], judged[query_id], collection) for query_id in judged]
    return examples, [Passage(text, node_id=identifier) for identifier, text in collection.items()]


def _files(folder: Path, kind: str, split: str | None) -> list[Path]:
    names = [folder / f"{kind}.tsv", *sorted(folder.glob(f"{kind}.*.tsv"))]
    if split is not None:
        names = [folder / f"{kind}.{split}.tsv"]
    return [path for path in names if path.exists()]


def _lines(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        for line_number, line in enumerate(decoded_lines(path), start=1):
            if line.strip():
                yield f"{path} line {line_number}", line.rstrip("\r\n")


def _texts(paths: Iterable[Path]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for where, line in _lines(paths):
        identifier, tab, text = line.partition("\t")
        if not tab or "\t" in text:
            raise DataError(where, f"{line.count(chr(9)) + 1} columns", "Expected an id and a text, tab-separated.")
        known = texts.setdefault(checked_text(where, "id", identifier.strip()), checked_text(where, "text", text))
        if known != text:
            raise DataError(
                where, f"the id {shown(identifier)} stands for two texts", "Give every record an id of its own."
            )
    return texts


def _text_triples(paths: Iterable[Path]) -> Iterator[QueryTuple]:
    for where, line in _lines(paths):
        query, positive, negative = _three_columns(where, line)
        if all(each.strip().isdecimal() for each in (query, positive, negative)):
            raise DataError(
                where, "it holds ids, and there is no collection.tsv", "Add collection.tsv and queries.tsv."
            )
        yield QueryTuple(
            where,
            checked_text(where, "query", query),
            Passage(checked_text(where, "positive", positive), label=1.0),
            [Passage(checked_text(where, "negative", negative), label=0.0)],
        )


def _three_columns(where: str, line: str) -> tuple[str, str, str]:
    columns = line.split("\t")
    if len(columns) != 3:
        raise DataError(where, f"{len(columns)} columns", TRIPLES_COLUMNS)
    return columns[0], columns[1], columns[2]


def _judgements(
    qrels: Iterable[Path], triples: Iterable[Path], queries: Mapping[str, str], collection: Mapping[str, str]
) -> dict[str, _Judged]:
    """Query id to what is said of it: the grades of the qrels, then the triples' pairs that they lack.

    Raises:
        DataError: A line names an unknown id, or the qrels judge a pair twice and differently.
    """
    judged: dict[str, _Judged] = {}
    for where, query_id, identifier, grade in _graded(qrels):
        sides = _known(where, query_id, identifier, queries, collection, judged)
        before = sides.positives.get(identifier, sides.negatives.get(identifier, grade))
        if before != grade:
            raise DataError(where, f"{query_id!r} and {identifier!r} are judged {before:g} and {grade:g}", "Keep one.")
        (sides.positives if grade > 0 else sides.negatives).setdefault(identifier, grade)
    for where, line in _lines(triples):
        query_id, positive, negative = (each.strip() for each in _three_columns(where, line))
        _known(where, query_id, positive, queries, collection, judged).positives.setdefault(positive, 1.0)
        _known(where, query_id, negative, queries, collection, judged).negatives.setdefault(negative, 0.0)
    return judged


def _graded(paths: Iterable[Path]) -> Iterator[tuple[str, str, str, float]]:
    for where, line in _lines(paths):
        columns = line.split("\t") if "\t" in line else line.split()
        if len(columns) != 4:
            raise DataError(where, f"{len(columns)} columns", QRELS_COLUMNS)
        query_id, _, identifier, grade = (each.strip() for each in columns)
        yield where, query_id, identifier, number(where, "grade", grade)


def _known(
    where: str,
    query_id: str,
    identifier: str,
    queries: Mapping[str, str],
    collection: Mapping[str, str],
    judged: dict[str, _Judged],
) -> _Judged:
    if query_id not in queries:
        raise DataError(where, f"query {shown(query_id)} is not in queries.tsv", "Add it, or remove the line.")
    if identifier not in collection:
        raise DataError(where, f"passage {shown(identifier)} is not in collection.tsv", "Add it, or remove the line.")
    if query_id not in judged:
        judged[query_id] = _Judged(where)
    return judged[query_id]


def _example(query_id: str, query: str, judged: _Judged, collection: Mapping[str, str]) -> RerankExample:
    def passages(grades: Mapping[str, float]) -> tuple[Passage, ...]:
        return tuple(Passage(collection[each], node_id=each, label=grade) for each, grade in grades.items())

    return RerankExample(query_id, query, passages(judged.positives), passages(judged.negatives), where=judged.where)
