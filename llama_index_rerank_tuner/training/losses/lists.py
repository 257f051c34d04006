"""Examples as the rows a loss reads: pairs or lists, with judgements or a teacher's scores for labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.losses import DEFAULT_LIST_LOSS, LossSpec, loss_spec
from llama_index_rerank_tuner.training.losses.row_shapes import Row, hard_negatives, list_row, rows_of, teacher_score


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Rows of a Hugging Face data set, and what the trainer must know of them.

    Args:
        loss: The loss they are for.
        rows: ``query``, ``docs``, ``label`` a list; or ``query``, ``passage``, ``label`` a pair. In this order.
        left_out: Questions that gave no row.
    """

    loss: str
    rows: list[Row]
    left_out: int

    @property
    def pairs(self) -> int:
        """Number of query-passage pairs."""
        return sum(len(row["docs"]) if "docs" in row else 1 for row in self.rows)


def choose_loss(examples: Sequence[RerankExample]) -> tuple[str, str]:
    """The loss that fits the shape of the data, and the reason in words.

    A teacher's score on every passage: ``margin_mse``. Else, where at least half of the questions have negatives, the
    default list loss; else ``bce``, which also learns from questions without.

    Example:
        >>> from llama_index_rerank_tuner.records import Passage
        >>> choose_loss([RerankExample("q", "what fee", positives=(Passage("ten"),), negatives=(Passage("form"),))])
        ('listnet', '1 of 1 questions have negatives')
    """
    with_negatives = sum(bool(hard_negatives(example)) for example in examples)
    reason = f"{with_negatives} of {len(examples)} questions have negatives"
    judged = [passage for example in examples for passage in (*example.positives, *example.negatives)]
    if with_negatives and all(passage.teacher_score is not None for passage in judged):
        return "margin_mse", f"every passage has a teacher score, and {reason}"
    return (DEFAULT_LIST_LOSS if 2 * with_negatives >= len(examples) else "bce"), reason


def labelled_rows(examples: Sequence[RerankExample], contract: TextContract, loss: str = "auto") -> TrainingRows:
    """The rows of a loss, from judged passages.

    A list holds one positive with all its question's negatives, so a question with three positives gives three. Where
    their grades differ, a loss that reads grades gets them all in one list. A passage that is judged both ways counts
    as the positive it also is.

    Args:
        examples: Questions with their positives and negatives.
        contract: How query and passage become text.
        loss: A name of ``losses.LOSSES``, or ``auto`` for what ``choose_loss`` chooses.

    Raises:
        ConfigError: There is no loss of this name.
        DataError: No question has a negative to learn from, or the loss needs a teacher score that is missing.
    """
    chosen = choose_loss(examples)[0] if loss == "auto" else loss
    spec = loss_spec(chosen)
    made = [rows_of(example, contract, spec) for example in examples]
    rows = [row for of_example in made for row in of_example]
    _check(rows, spec)
    return TrainingRows(chosen, rows, sum(not of_example for of_example in made))


def imitation_rows(lists: Sequence[RerankExample], contract: TextContract, loss: str = "listnet") -> TrainingRows:
    """One list an example: its candidates with their teacher scores, best first.

    Args:
        lists: Examples with scored candidates (``mining.imitation_lists``).
        contract: How query and passage become text.
        loss: A list loss whose labels can be scores: ``listnet``, ``lambda``, ``ranknet``, ``margin_mse``.

    Raises:
        ConfigError: There is no loss of this name, or it cannot imitate.
        DataError: An example has under two candidates, or one of them no teacher score.
    """
    if loss_spec(loss).rows not in ("graded lists", "scored lists"):
        raise ConfigError(f"Loss {loss!r} does not read lists of scores: imitate with listnet or margin_mse.")
    rows = []
    for example in lists:
        candidates = example.candidates or ()
        if len(candidates) < 2 or any(passage.teacher_score is None for passage in candidates):
            raise DataError(example.place, "not an imitation list", "Make the lists with mining.imitation_lists.")
        scored = [(passage, teacher_score(example, passage)) for passage in candidates]
        rows.append(list_row(example, sorted(scored, key=lambda each: -each[1]), contract))
    return TrainingRows(loss, rows, 0)


def _check(rows: Sequence[Row], spec: LossSpec) -> None:
    if spec.rows == "pairs":
        can_learn = any(row["label"] == 0 for row in rows)
    elif spec.rows == "lists":
        can_learn = any(len(row["docs"]) > 1 for row in rows) or len({row["query"] for row in rows}) > 1
    else:
        can_learn = bool(rows)
    if not can_learn:
        raise DataError(
            "training data",
            "no query has a negative passage",
            "Add pairs with score 0, or mine some with HardNegativeDatasetGenerator.",
        )
