"""What a question needs for the formats in which grades tell the sides, or positives stand beside negatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample


def graded_passages(example: RerankExample, is_relevant: Callable[[float], bool]) -> Iterator[tuple[Passage, float]]:
    """Each judged passage with its grade, positives first; 1 and 0 where it has no label.

    Args:
        example: The question.
        is_relevant: Whether the format reads a grade as relevant.

    Raises:
        DataError: A grade would put its passage on the other side when it is read back.

    Example:
        >>> example = RerankExample("q0", "Who may apply?", (Passage("Small firms."),), (Passage("The form is AP-2."),))
        >>> [grade for _, grade in graded_passages(example, lambda grade: grade > 0)]
        [1.0, 0.0]
    """
    for passages, usual in ((example.positives, 1.0), (example.negatives, 0.0)):
        for passage in passages:
            grade = usual if passage.label is None else passage.label
            if is_relevant(grade) != bool(usual):
                side = "positive" if usual else "negative"
                problem = f"a {side} has the label {grade:g}, which this format reads as the opposite"
                fix = "Change the label, or write groups, which keep the sides apart."
                raise DataError(example.place, problem, fix)
            yield passage, grade


def with_both_sides(example: RerankExample) -> RerankExample:
    """The example itself, for the formats that pair positives with negatives.

    Raises:
        DataError: It has no positive or no negative.
    """
    for side, passages in (("positive", example.positives), ("negative", example.negatives)):
        if not passages:
            problem = f"the query has no {side} passage"
            raise DataError(example.place, problem, "Add one, or take a format that keeps such queries, as groups do.")
    return example
