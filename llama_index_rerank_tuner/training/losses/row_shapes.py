"""One question as the rows of each shape that a loss can read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.losses import LossSpec

Row: TypeAlias = dict[str, Any]
Labelled: TypeAlias = tuple[Passage, float]


def rows_of(example: RerankExample, contract: TextContract, spec: LossSpec) -> list[Row]:
    """A question's rows for a loss; none where it has nothing to teach it.

    Raises:
        DataError: The loss reads teacher scores, and a passage has none.
    """
    shaped = _SHAPES[spec.rows](example)
    if not spec.reads_lists:
        return [_pair_row(example, passage, label, contract) for group in shaped for passage, label in group]
    enough = 2 if spec.needs_negatives else 1
    return [list_row(example, _scaled(group, spec.best_label), contract) for group in shaped if len(group) >= enough]


def list_row(example: RerankExample, group: Sequence[Labelled], contract: TextContract) -> Row:
    """A row whose passages are a list, with a label for each."""
    docs = [contract.passage_text(passage.text) for passage, _ in group]
    return {"query": contract.query_text(example.query), "docs": docs, "label": [label for _, label in group]}


def hard_negatives(example: RerankExample) -> list[Passage]:
    """Its negatives, without those that are also positives."""
    answers = {passage.text for passage in example.positives}
    return [passage for passage in example.negatives if passage.text not in answers]


def teacher_score(example: RerankExample, passage: Passage) -> float:
    """The score to imitate.

    Raises:
        DataError: There is none.
    """
    if passage.teacher_score is None:
        raise DataError(
            example.place,
            f"passage {passage.text[:60]!r} has no teacher_score",
            "Add the scores with mining.soft_labels, or choose a loss that learns from labels (listnet, bce).",
        )
    return passage.teacher_score


def _pair_row(example: RerankExample, passage: Passage, label: float, contract: TextContract) -> Row:
    return {
        "query": contract.query_text(example.query),
        "passage": contract.passage_text(passage.text),
        "label": label,
    }


def _judged(example: RerankExample) -> list[list[Labelled]]:
    return [[(p, 1.0) for p in example.positives] + [(p, 0.0) for p in hard_negatives(example)]]


def _one_positive(example: RerankExample) -> list[list[Labelled]]:
    negatives = [(passage, 0.0) for passage in hard_negatives(example)]
    return [[(positive, 1.0), *negatives] for positive in example.positives]


def _graded(example: RerankExample) -> list[list[Labelled]]:
    positives = [(p, p.label if p.label is not None and p.label > 0 else 1.0) for p in example.positives]
    negatives = [(p, max(0.0, p.label or 0.0)) for p in hard_negatives(example)]
    if len({grade for _, grade in positives}) > 1:
        return [[*positives, *negatives]]
    return [[positive, *negatives] for positive in positives]


def _all_scored(example: RerankExample) -> list[list[Labelled]]:
    return [[(p, teacher_score(example, p)) for p in (*example.positives, *hard_negatives(example))]]


def _one_positive_scored(example: RerankExample) -> list[list[Labelled]]:
    return [[(p, teacher_score(example, p)) for p, _ in group] for group in _one_positive(example)]


def _scaled(group: Sequence[Labelled], best: float | None) -> list[Labelled]:
    highest = max(label for _, label in group)
    factor = 1.0 if best is None else best / highest
    return [(passage, label * factor) for passage, label in group]


_SHAPES: dict[str, Callable[[RerankExample], list[list[Labelled]]]] = {
    "pairs": _judged,
    "scored pairs": _all_scored,
    "lists": _one_positive,
    "graded lists": _graded,
    "scored lists": _one_positive_scored,
}
