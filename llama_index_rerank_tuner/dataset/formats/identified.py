"""Questions and passages by their ids, for the formats that keep the two in separate tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample


def queries_by_id(examples: Iterable[RerankExample]) -> dict[str, str]:
    """Query id to query, in order.

    Raises:
        DataError: An id stands twice.
    """
    queries: dict[str, str] = {}
    for example in examples:
        if example.query_id in queries:
            raise DataError(example.place, f"the query id {example.query_id!r} stands twice", "Make ids unique.")
        queries[example.query_id] = example.query
    return queries


def passages_by_id(examples: Sequence[RerankExample], corpus: Iterable[Passage]) -> dict[str, str]:
    """Passage id to text: the corpus in order, then the judged passages that it lacks.

    Raises:
        DataError: A passage has no id, or one id stands for two texts.
    """
    texts: dict[str, str] = {}
    for passage in corpus:
        _put(texts, "corpus", passage)
    for example in examples:
        for passage in (*example.positives, *example.negatives):
            _put(texts, example.place, passage)
    return texts


def passage_id(where: str, passage: Passage) -> str:
    """The id of a passage.

    Raises:
        DataError: It has none.
    """
    if passage.node_id is None:
        raise DataError(
            where,
            f"the passage {passage.text[:40]!r} has no id",
            "This format needs one: RerankDataset.build gives every passage an id.",
        )
    return passage.node_id


def _put(texts: dict[str, str], where: str, passage: Passage) -> None:
    identifier = passage_id(where, passage)
    known = texts.setdefault(identifier, passage.text)
    if known != passage.text:
        raise DataError(
            where,
            f"the passage id {identifier!r} stands for two texts ({known[:40]!r} and {passage.text[:40]!r})",
            "Give every passage an id of its own.",
        )
