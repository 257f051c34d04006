"""Taking labelled records in whatever shape people hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from llama_index_rerank_tuner.dataset.files.lines import Located
from llama_index_rerank_tuner.dataset.formats.cohere import parse_cohere
from llama_index_rerank_tuner.dataset.formats.embedding_qa import from_embedding_qa, is_embedding_qa
from llama_index_rerank_tuner.dataset.formats.groups import parse_groups
from llama_index_rerank_tuner.dataset.formats.hugging_face import from_hugging_face, is_hugging_face
from llama_index_rerank_tuner.dataset.formats.triples import PASSAGE_NAMES, QUERY_NAMES, SCORE_NAMES, group_triples
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

EXPECTED = (
    'Expected {"query", "passage", "score"}, {"query", "pos", "neg"}, or {"query", "relevant_passages", '
    '"hard_negatives"}, objects with those fields or with query, context and score, a datasets.Dataset, or an '
    "EmbeddingQAFinetuneDataset."
)
_PARSERS = {"groups": parse_groups, "cohere": parse_cohere, "triples": group_triples}


def coerce_records(records: Any) -> tuple[list[RerankExample], list[Passage]]:
    """Turn records of one shape into examples, with the corpus where it comes along.

    Takes ``RerankExample`` objects; triple, group and Cohere dicts; objects with ``query``, ``context`` and ``score``,
    which is what the deprecated ``CrossEncoderFinetuningDatasetSample`` has, or with Cohere's fields; a
    ``datasets.Dataset``; and an ``EmbeddingQAFinetuneDataset``, live or as the dict of its JSON, which alone brings a
    corpus. A ``datasets.Dataset`` with the columns of triples, groups or Cohere records is read by their names; any
    other is read by the order of its columns, as ``from_hugging_face`` does.

    Raises:
        DataError: There are none, their shapes are mixed, or a record cannot be used.

    Example:
        >>> examples, corpus = coerce_records([{"query": "Who may apply?", "passage": "Small firms.", "score": 1}])
        >>> len(examples), len(corpus)
        (1, 0)
    """
    if is_embedding_qa(records):
        examples, corpus = from_embedding_qa(records)
        return _not_empty(examples), corpus
    if is_hugging_face(records) and not _has_named_columns(records):
        return _not_empty(from_hugging_face(records)), []
    return coerce_examples(records), []


def coerce_examples(records: Iterable[Any]) -> list[RerankExample]:
    """Turn a list of records of one shape into examples.

    Raises:
        DataError: There are none, their shapes are mixed, or a record cannot be used.
    """
    if isinstance(records, str | Mapping) or not isinstance(records, Iterable):
        raise DataError("dataset", f"it is a {type(records).__name__}, not a list of records", EXPECTED)
    listed = _not_empty(list(records))
    if all(isinstance(record, RerankExample) for record in listed):
        return listed
    located = _of_one_shape(listed)
    first = next(located)
    return _PARSERS[_shape(first[1])](chain([first], located))


def _not_empty(listed: list[Any]) -> list[Any]:
    if not listed:
        raise DataError("dataset", "it is empty", "Give at least one query with a relevant passage.")
    return listed


def _has_named_columns(dataset: Any) -> bool:
    """Whether its columns are those of groups, Cohere records or triples; three in order are a labeled pair or list."""
    columns = dataset.column_names
    if not isinstance(columns, list):
        return False
    if "query" in columns and ("pos" in columns or "relevant_passages" in columns):
        return True
    in_order = len(columns) == 3 and columns[0] in QUERY_NAMES and columns[1] in PASSAGE_NAMES
    return not in_order and all(set(names) & set(columns) for names in (QUERY_NAMES, PASSAGE_NAMES, SCORE_NAMES))


def _of_one_shape(records: Sequence[Any]) -> Iterator[Located]:
    shape = None
    for index, each in enumerate(records):
        where, record = f"dataset record {index}", _as_dict(index, each)
        shape = shape or _shape(record)
        if _shape(record) != shape:
            raise DataError(where, "its shape differs from record 0's", EXPECTED)
        yield where, record


def _shape(record: Mapping[str, Any]) -> str:
    if "pos" in record:
        return "groups"
    return "cohere" if "relevant_passages" in record else "triples"


def _as_dict(index: int, record: Any) -> dict[str, Any]:
    if isinstance(record, Mapping):
        return dict(record)
    if all(hasattr(record, name) for name in ("query", "context", "score")):
        return {"query": record.query, "passage": record.context, "score": record.score}
    if all(hasattr(record, name) for name in ("query", "relevant_passages", "hard_negatives")):
        return {name: getattr(record, name) for name in ("query", "relevant_passages", "hard_negatives")}
    raise DataError(f"dataset record {index}", f"a {type(record).__name__} is no record", EXPECTED)
