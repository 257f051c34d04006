"""Taking training records in whatever shape people hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llama_index_rerank_tuner.dataset.formats.groups import parse_groups
from llama_index_rerank_tuner.dataset.formats.triples import group_triples
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import RerankExample

EXPECTED = 'Expected {"query", "passage", "score"}, {"query", "pos", "neg"}, or objects with query, context and score.'


def coerce_examples(records: Iterable[Any]) -> list[RerankExample]:
    """Turn records of one shape into examples.

    Takes ``RerankExample`` objects; triple dicts; group dicts; and objects with ``query``, ``context`` and ``score``,
    which is what the deprecated ``CrossEncoderFinetuningDatasetSample`` has.

    Raises:
        DataError: There are none, their shapes are mixed, or a record cannot be used.
    """
    if isinstance(records, str | Mapping) or not isinstance(records, Iterable):
        raise DataError("dataset", f"it is a {type(records).__name__}, not a list of records", EXPECTED)
    listed = list(records)
    if not listed:
        raise DataError("dataset", "it is empty", "Give at least one query with a relevant passage.")
    if all(isinstance(record, RerankExample) for record in listed):
        return listed
    located = [(f"dataset record {index}", _as_dict(index, record)) for index, record in enumerate(listed)]
    groups = ["pos" in record for _, record in located]
    if any(groups) and not all(groups):
        raise DataError(f"dataset record {groups.index(not groups[0])}", "its shape differs from record 0's", EXPECTED)
    return parse_groups(located) if all(groups) else group_triples(located)


def _as_dict(index: int, record: Any) -> dict[str, Any]:
    if isinstance(record, Mapping):
        return dict(record)
    if all(hasattr(record, name) for name in ("query", "context", "score")):
        return {"query": record.query, "passage": record.context, "score": record.score}
    raise DataError(f"dataset record {index}", f"a {type(record).__name__} is no record", EXPECTED)
