"""Examples as a ``datasets.Dataset`` that ``CrossEncoderTrainer`` takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.dataset.files.fields import plain_number
from llama_index_rerank_tuner.dataset.formats.grades import graded_passages, with_both_sides
from llama_index_rerank_tuner.dataset.formats.hugging_face_layout import Layout, require_layout
from llama_index_rerank_tuner.dataset.formats.triples import RELEVANT_FROM
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import RerankExample

if TYPE_CHECKING:
    from datasets import Dataset


def to_hugging_face(examples: Iterable[RerankExample], layout: Layout = "labeled-list") -> Dataset:
    """Make a ``datasets.Dataset`` of examples, ready for ``CrossEncoderTrainer``.

    Args:
        examples: The questions.
        layout: ``labeled-pair`` and ``labeled-list`` keep every grade; ``triplet`` pairs each positive with each
            negative; ``n-tuple`` puts each positive beside all negatives, of which every question needs as many.

    Raises:
        DataError: A question cannot be put in that layout.
        ConfigError: ``layout`` is none of the four.

    Example:
        >>> from llama_index_rerank_tuner.records import Passage
        >>> grant, form = Passage("Firms under 50 staff.", label=1.0), Passage("Form AP-2.", label=0.0)
        >>> to_hugging_face([RerankExample("q0", "Who may apply?", (grant,), (form,))], "triplet").column_names
        ['query', 'positive', 'negative']
    """
    from datasets import Dataset

    require_layout(layout)
    listed = list(examples)
    writers = {
        "labeled-pair": _pair_table,
        "labeled-list": _list_table,
        "triplet": _triplet_table,
        "n-tuple": _n_tuple_table,
    }
    return Dataset.from_dict(writers[layout](listed))


def _judged(example: RerankExample) -> Iterator[tuple[str, float]]:
    for passage, grade in graded_passages(example, lambda grade: grade >= RELEVANT_FROM):
        yield passage.text, plain_number(grade)


def _pair_table(examples: Sequence[RerankExample]) -> dict[str, list[Any]]:
    unjudged = next((example for example in examples if not example.positives and not example.negatives), None)
    if unjudged is not None:
        raise DataError(unjudged.place, "the query has no judged passage", "Judge one, or remove the query.")
    pairs = [(example.query, *pair) for example in examples for pair in _judged(example)]
    return _table(("query", "passage", "label"), pairs)


def _list_table(examples: Sequence[RerankExample]) -> dict[str, list[Any]]:
    judged = [(example.query, list(_judged(example))) for example in examples]
    rows = [(query, [text for text, _ in pairs], [label for _, label in pairs]) for query, pairs in judged]
    return _table(("query", "passages", "labels"), rows)


def _triplet_table(examples: Sequence[RerankExample]) -> dict[str, list[Any]]:
    rows = [
        (example.query, positive.text, negative.text)
        for example in map(with_both_sides, examples)
        for positive in example.positives
        for negative in example.negatives
    ]
    return _table(("query", "positive", "negative"), rows)


def _n_tuple_table(examples: Sequence[RerankExample]) -> dict[str, list[Any]]:
    width = len(examples[0].negatives) if examples else 1
    for example in map(with_both_sides, examples):
        if len(example.negatives) != width:
            raise DataError(
                example.place,
                f"it has {len(example.negatives)} negatives, the first question {width}",
                'An n-tuple needs as many for each: take layout="labeled-list".',
            )
    rows = [
        (example.query, positive.text, *(negative.text for negative in example.negatives))
        for example in examples
        for positive in example.positives
    ]
    return _table(("query", "positive", *(f"negative_{place + 1}" for place in range(width))), rows)


def _table(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}
