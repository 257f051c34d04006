"""Writing a data set as a BEIR folder that ``read_beir`` reads back equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset.files.fields import plain_number
from llama_index_rerank_tuner.dataset.files.writing import replacing, write_records
from llama_index_rerank_tuner.dataset.formats.beir import GROUP_KEYS
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

GROUP_KEY = GROUP_KEYS[0]
"""Metadata key under which a question's or passage's source document is written."""


def write_beir(
    examples: Sequence[RerankExample], corpus: Iterable[Passage], folder: str | Path, split: str = "test"
) -> None:
    """Write ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/<split>.tsv``.

    The whole text of a passage goes under ``text``; source documents stand in the metadata under ``group``. BEIR has
    no place for teacher scores, retrieved ranks and candidates; a query without a judged passage is written, and
    ``read_beir`` leaves it out.

    Args:
        examples: The questions; every passage needs an id, as a ``RerankDataset`` gives it.
        corpus: Every passage; judged passages that it lacks are added.
        folder: Made where it is missing; files of these names are replaced.
        split: Name of the judgement file.

    Raises:
        DataError: A passage has no id, an id holds a tab or a line break or stands for two texts, or a grade would put
            a passage on the other side.
    """
    folder = Path(folder)
    passages = _gathered(corpus, examples)
    rows = list(_judgements(examples))
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    write_records(map(_passage_record, passages.values()), folder / "corpus.jsonl")
    write_records(map(_query_record, examples), folder / "queries.jsonl")
    with replacing(folder / "qrels" / f"{split}.tsv") as stream:
        stream.write("query-id\tcorpus-id\tscore\n")
        stream.writelines(f"{row}\n" for row in rows)


def _gathered(corpus: Iterable[Passage], examples: Iterable[RerankExample]) -> dict[str, Passage]:
    gathered: dict[str, Passage] = {}
    judged = (passage for example in examples for passage in (*example.positives, *example.negatives))
    for passage in (*corpus, *judged):
        if passage.node_id is None:
            raise DataError(f"passage {passage.text[:40]!r}", "it has no id", "Build a RerankDataset, which gives ids.")
        known = gathered.setdefault(_writable(passage.node_id), passage)
        if known.text != passage.text:
            problem = f"the id stands for two texts ({known.text[:40]!r} and {passage.text[:40]!r})"
            raise DataError(f"passage {passage.node_id!r}", problem, "Give every passage an id of its own.")
    return gathered


def _writable(identifier: str) -> str:
    if not identifier.strip() or any(character in identifier for character in "\t\r\n"):
        raise DataError(f"id {identifier!r}", "it is blank, or holds a tab or a line break", "Choose another id.")
    return identifier


def _judgements(examples: Iterable[RerankExample]) -> Iterator[str]:
    for example in examples:
        for passages, relevant in ((example.positives, True), (example.negatives, False)):
            for passage in passages:
                grade = float(relevant) if passage.label is None else passage.label
                if (grade > 0) != relevant:
                    side = "positive" if relevant else "negative"
                    problem = f"a {side} has the label {grade:g}, which BEIR reads as the opposite"
                    raise DataError(example.place, problem, "Change the label: over 0 is relevant.")
                yield f"{_writable(example.query_id)}\t{passage.node_id}\t{plain_number(grade)}"


def _passage_record(passage: Passage) -> dict[str, Any]:
    metadata = None if passage.group is None else {GROUP_KEY: passage.group}
    return {"_id": passage.node_id, "title": "", "text": passage.text, "metadata": metadata}


def _query_record(example: RerankExample) -> dict[str, Any]:
    metadata = _noted(example.place, example.metadata, example.group)
    return {"_id": example.query_id, "text": example.query, "metadata": metadata or None}


def _noted(place: str, metadata: Mapping[str, Any], group: str | None) -> dict[str, Any]:
    """Metadata with the group in it; without a group, a null keeps other keys from being taken for one."""
    if metadata.get(GROUP_KEY, group) != group:
        raise DataError(place, f'its metadata holds another "{GROUP_KEY}" than its group', "Rename that key.")
    named_otherwise = any(key in metadata for key in GROUP_KEYS)
    return dict(metadata) | ({GROUP_KEY: group} if group is not None or named_otherwise else {})
