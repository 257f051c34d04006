"""Examples as an MS MARCO folder: with ids beside a collection, or as triples of texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from llama_index_rerank_tuner.dataset.files.fields import checked_text, plain_number, shown
from llama_index_rerank_tuner.dataset.files.writing import replacing
from llama_index_rerank_tuner.dataset.formats.grades import graded_passages, with_both_sides
from llama_index_rerank_tuner.dataset.formats.identified import passage_id, passages_by_id, queries_by_id
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample


def write_msmarco(
    examples: Sequence[RerankExample], corpus: Iterable[Passage], folder: str | Path, flatten: bool = False
) -> None:
    """Write ``collection.tsv``, ``queries.tsv``, ``qrels.tsv`` and, where there are negatives, ``triples.tsv`` of ids.

    The qrels hold every judgement, the negatives with grade 0; the triples pair each positive with each negative.

    Args:
        examples: The questions.
        corpus: Passages, each with an id; the judged ones that it lacks are added.
        folder: Made where it is missing.
        flatten: Turn tabs and line breaks in texts into spaces: a TSV has no way to write them.

    Raises:
        DataError: A passage has no id, an id holds white space, or a text holds a tab or a line break and ``flatten``
            is off, or a passage is judged both ways. Nothing is written then.
    """
    tables = {
        "collection.tsv": _table("passage", passages_by_id(examples, corpus), flatten),
        "queries.tsv": _table("query", queries_by_id(examples), flatten),
        "qrels.tsv": [line for example in examples for line in _qrels_lines(example)],
        "triples.tsv": [line for example in examples for line in _triple_lines(example)],
    }
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, lines in tables.items():
        if lines or name != "triples.tsv":
            with replacing(Path(folder) / name) as stream:
                stream.writelines(lines)


def write_text_triples(examples: Iterable[RerankExample], folder: str | Path, flatten: bool = False) -> None:
    """Write a folder that holds only ``triples.tsv`` of texts: each positive of a question with each negative.

    Ids and grades have no place there.

    Args:
        examples: The questions.
        folder: Made where it is missing.
        flatten: Turn tabs and line breaks in texts into spaces.

    Raises:
        DataError: A question lacks a side, or a text holds a tab or a line break and ``flatten`` is off.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with replacing(Path(folder) / "triples.tsv") as stream:
        for example in examples:
            stream.writelines(_text_lines(with_both_sides(example), flatten))


def _text_lines(example: RerankExample, flatten: bool) -> Iterator[str]:
    for positive in example.positives:
        for negative in example.negatives:
            texts = (example.query, positive.text, negative.text)
            yield "\t".join(_cell(example.place, text, flatten) for text in texts) + "\n"


def _table(kind: str, texts: Mapping[str, str], flatten: bool) -> list[str]:
    return [f"{_cell_id(kind, key)}\t{_cell(f'{kind} {key!r}', text, flatten)}\n" for key, text in texts.items()]


def _cell_id(kind: str, identifier: str) -> str:
    if len(identifier.split()) != 1 or identifier.split()[0] != identifier:
        raise DataError(f"{kind} {identifier!r}", "the id is empty or holds white space", "Give it another id.")
    return identifier


def _cell(where: str, text: str, flatten: bool) -> str:
    broken = any(each in text for each in "\t\n\r")
    if broken and not flatten:
        raise DataError(
            where, "its text holds a tab or a line break", "Pass flatten=True for spaces, or write groups JSONL."
        )
    return checked_text(where, "text", " ".join(text.split()) if broken else text)


def _qrels_lines(example: RerankExample) -> Iterator[str]:
    irrelevant = {passage.node_id for passage in example.negatives}
    for passage, grade in graded_passages(example, lambda grade: grade > 0):
        if grade > 0 and passage.node_id in irrelevant:
            problem = f"passage {shown(passage.node_id)} is judged relevant and irrelevant"
            raise DataError(example.place, problem, "Keep one judgement.")
        yield f"{example.query_id}\t0\t{passage_id(example.place, passage)}\t{plain_number(grade)}\n"


def _triple_lines(example: RerankExample) -> Iterator[str]:
    for positive in example.positives:
        for negative in example.negatives:
            yield f"{example.query_id}\t{positive.node_id}\t{negative.node_id}\n"
