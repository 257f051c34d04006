"""LlamaIndex's ``EmbeddingQAFinetuneDataset``: its JSON files, and live objects of it.

The class has left llama-index-core and lives on in the deprecated llama-index-finetuning; its files are everywhere:
``{"queries": {id: text}, "corpus": {id: text}, "relevant_docs": {query id: [passage ids]}, "mode": "text"}``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset.files.encoding import read_text
from llama_index_rerank_tuner.dataset.files.fields import checked_text, shown, text_or_none
from llama_index_rerank_tuner.dataset.files.writing import replacing
from llama_index_rerank_tuner.dataset.formats.identified import passage_id, passages_by_id, queries_by_id
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

TABLES = ("queries", "corpus", "relevant_docs")
EXPECTED = 'Expected {"queries": {id: text}, "corpus": {id: text}, "relevant_docs": {id: [ids]}}.'


def is_embedding_qa(value: Any) -> bool:
    """Whether it is such a data set: an object or a mapping that holds all three tables."""
    if isinstance(value, Mapping):
        return all(name in value for name in TABLES)
    return all(hasattr(value, name) for name in TABLES)


def read_embedding_qa(path: str | Path) -> tuple[list[RerankExample], list[Passage]]:
    """Read an ``EmbeddingQAFinetuneDataset`` JSON file: the questions, and the whole corpus.

    A question that ``relevant_docs`` does not list comes without positives: the audit reports it.

    Raises:
        DataError: The file is not such JSON, an id stands twice, or ``relevant_docs`` names an unknown id.
    """
    path = Path(path)
    return _parse(str(path), _json_object(path))


def from_embedding_qa(dataset: Any) -> tuple[list[RerankExample], list[Passage]]:
    """Take a live ``EmbeddingQAFinetuneDataset``, or the mapping that its JSON holds.

    Args:
        dataset: Has ``queries``, ``corpus`` and ``relevant_docs``, as attributes or as keys.

    Raises:
        DataError: A table is missing or no mapping, or ``relevant_docs`` names an unknown id.

    Example:
        >>> examples, corpus = from_embedding_qa({
        ...     "queries": {"q1": "Who may apply?"},
        ...     "corpus": {"a": "Firms under 50 staff.", "b": "The form is AP-2."},
        ...     "relevant_docs": {"q1": ["a"]},
        ... })
        >>> examples[0].qrels, len(corpus)
        ({'a': 1}, 2)
    """
    names = (*TABLES, "mode")
    if isinstance(dataset, Mapping):
        return _parse("dataset", dataset)
    return _parse("dataset", {name: getattr(dataset, name) for name in names if hasattr(dataset, name)})


def _json_object(path: Path) -> Mapping[str, Any]:
    def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            repeated, _ = Counter(key for key, _ in pairs).most_common(1)[0]
            raise DataError(str(path), f"the key {shown(repeated)} stands twice", "Give every entry an id of its own.")
        return table

    try:
        content = json.loads(read_text(path), object_pairs_hook=without_repeats)
    except json.JSONDecodeError as error:
        raise DataError(f"{path} line {error.lineno}", f"not valid JSON ({error})", EXPECTED) from error
    except DataError:
        raise
    except (ValueError, RecursionError) as error:
        raise DataError(str(path), f"not valid JSON ({error})", EXPECTED) from error
    if not isinstance(content, Mapping):
        raise DataError(str(path), f"a {type(content).__name__}, not an object", EXPECTED)
    return content


def _parse(where: str, content: Mapping[str, Any]) -> tuple[list[RerankExample], list[Passage]]:
    if content.get("mode", "text") != "text":
        raise DataError(where, f'"mode" is {shown(content["mode"])}', 'Only data sets of "mode": "text" can be read.')
    queries, corpus, relevant = (_table(where, content, name) for name in TABLES)
    passages = {key: Passage(_text(where, "corpus", key, text), node_id=key) for key, text in corpus.items()}
    for query_id in relevant:
        if query_id not in queries:
            raise DataError(f"{where} query {shown(query_id)}", 'it is not in "queries"', "Add it, or remove its list.")
    examples = [
        RerankExample(
            query_id,
            _text(where, "queries", query_id, query),
            positives=_positives(f"{where} query {shown(query_id)}", relevant.get(query_id, ()), passages),
            where=f"{where} query {shown(query_id)}",
        )
        for query_id, query in queries.items()
    ]
    return examples, list(passages.values())


def _table(where: str, content: Mapping[str, Any], name: str) -> dict[str, Any]:
    if name not in content:
        raise DataError(where, f'the key "{name}" is missing', EXPECTED)
    table = content[name]
    if not isinstance(table, Mapping):
        raise DataError(where, f'"{name}" is a {type(table).__name__}', EXPECTED)
    return {_identifier(f'{where} "{name}"', key): value for key, value in table.items()}


def _identifier(where: str, key: Any) -> str:
    return checked_text(where, "id", text_or_none(where, "id", key))


def _text(where: str, table: str, key: str, text: Any) -> str:
    return checked_text(f'{where} "{table}"', key, text)


def _positives(where: str, ids: Any, passages: Mapping[str, Passage]) -> tuple[Passage, ...]:
    if not isinstance(ids, list | tuple):
        raise DataError(where, f'"relevant_docs" holds a {type(ids).__name__}', "Expected a list of passage ids.")
    listed = [_identifier(where, each) for each in ids]
    for each in listed:
        if each not in passages:
            raise DataError(where, f'passage {shown(each)} is not in "corpus"', "Add it, or remove the judgement.")
    return tuple(Passage(passages[each].text, node_id=each, label=1.0) for each in listed)


def write_embedding_qa(examples: Sequence[RerankExample], corpus: Iterable[Passage], path: str | Path) -> None:
    """Write an ``EmbeddingQAFinetuneDataset`` JSON file.

    The format has no place for grades and negatives: a negative passage stays in the corpus, unjudged.

    Raises:
        DataError: A query id stands twice, or a passage has no id. Nothing is written then.
    """
    content = {
        "queries": queries_by_id(examples),
        "corpus": passages_by_id(examples, corpus),
        "relevant_docs": {e.query_id: [passage_id(e.place, p) for p in e.positives] for e in examples},
        "mode": "text",
    }
    # ASCII, because LlamaIndex opens these files in the platform's encoding.
    with replacing(path, encoding="ascii") as stream:
        json.dump(content, stream, indent=4)
