"""Examples as the rows a loss reads: labelled lists, imitation lists, or single pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract

LABEL_SCALE = 10.0
"""ListNet's target is the softmax of the labels: 0 and 1 would leave it almost flat, 0 and 10 make it one-hot."""


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Rows of a Hugging Face data set, and what the trainer must know of them.

    Args:
        loss: The loss they are for.
        rows: ``query``, ``docs``, ``label`` a list; or ``query``, ``passage``, ``label`` a pair. In this order.
        left_out: Questions that gave no row.
    """

    loss: Literal["listwise", "bce"]
    rows: list[dict[str, Any]]
    left_out: int

    @property
    def pairs(self) -> int:
        """Number of query-passage pairs."""
        return sum(len(row["docs"]) if self.loss == "listwise" else 1 for row in self.rows)


def labelled_rows(
    examples: Sequence[RerankExample], contract: TextContract, loss: Literal["auto", "listwise", "bce"]
) -> TrainingRows:
    """One list for each positive with all its question's negatives, or one row a judged pair.

    In a list, a passage that is judged both ways counts as the positive it also is.

    Raises:
        DataError: No question has a negative to learn from.
    """
    with_negatives = sum(bool(example.negatives) for example in examples)
    if not with_negatives:
        raise DataError(
            "training data",
            "no query has a negative passage",
            "Add pairs with score 0, or mine some with HardNegativeDatasetGenerator.",
        )
    if loss == "listwise" or (loss == "auto" and 2 * with_negatives >= len(examples)):
        rows = [row for example in examples if example.negatives for row in _lists(example, contract)]
        return TrainingRows("listwise", rows, len(examples) - with_negatives)
    return TrainingRows("bce", [row for example in examples for row in _pairs(example, contract)], 0)


def imitation_rows(lists: Sequence[RerankExample], contract: TextContract) -> TrainingRows:
    """One list an example: its candidates with their teacher scores.

    Raises:
        DataError: An example has no candidates, or one of them no teacher score.
    """
    rows = []
    for example in lists:
        candidates = example.candidates or ()
        if len(candidates) < 2 or any(passage.teacher_score is None for passage in candidates):
            raise DataError(example.place, "not an imitation list", "Make the lists with mining.imitation_lists.")
        rows.append(_row(example.query, candidates, [p.teacher_score or 0.0 for p in candidates], contract))
    return TrainingRows("listwise", rows, 0)


def _lists(example: RerankExample, contract: TextContract) -> list[dict[str, Any]]:
    answers = {passage.text for passage in example.positives}
    negatives = [passage for passage in example.negatives if passage.text not in answers]
    labels = [LABEL_SCALE] + [0.0] * len(negatives)
    return [_row(example.query, (each, *negatives), labels, contract) for each in example.positives if negatives]


def _row(query: str, passages: Sequence[Passage], labels: Sequence[float], contract: TextContract) -> dict[str, Any]:
    docs = [contract.passage_text(passage.text) for passage in passages]
    return {"query": contract.query_text(query), "docs": docs, "label": list(labels)}


def _pairs(example: RerankExample, contract: TextContract) -> list[dict[str, Any]]:
    judged = [(passage, 1.0) for passage in example.positives] + [(passage, 0.0) for passage in example.negatives]
    query = contract.query_text(example.query)
    return [{"query": query, "passage": contract.passage_text(p.text), "label": label} for p, label in judged]
