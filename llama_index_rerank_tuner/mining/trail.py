"""The trail: where a question's negatives came from, beside where the same sources have its positives."""

from __future__ import annotations

from typing import NamedTuple

from llama_index_rerank_tuner.mining.guards.guard import FLAGS
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved


class TrailStep(NamedTuple):
    """One source's view of one negative.

    Args:
        negative: The negative.
        source: The source that found it; None for one that was judged, not mined.
        rank: Its rank there.
        score: Its score there, on the source's own scale.
        positive_rank: Best rank of the question's positives there; None where the source found none of them.
        positive_score: Best score of the question's positives there.
        flags: Doubts of the guards, ``"<guard>: <reason>"``.
    """

    negative: Passage
    source: str | None
    rank: int | None
    score: float | None
    positive_rank: int | None
    positive_score: float | None
    flags: tuple[str, ...]


def trail(example: RerankExample) -> list[TrailStep]:
    """Every negative of a question with every source that found it.

    Example:
        >>> fee = Passage("The fee is 40.", label=1.0, retrieved={"bm25": Retrieved(1, 7.5)})
        >>> fine = Passage("The fine is 40.", retrieved={"bm25": Retrieved(3, 4.0)})
        >>> trail(RerankExample("q0", "What is the fee?", (fee,), (fine,)))[0][1:]
        ('bm25', 3, 4.0, 1, 7.5, ())
    """
    return [step for negative in example.negatives for step in _steps(example, negative)]


def trail_text(example: RerankExample) -> str:
    """A question with its positives and its negatives' trail, to read.

    Example:
        >>> fee = Passage("The fee is 40.", label=1.0, retrieved={"bm25": Retrieved(1, 7.5)})
        >>> fine = Passage("The fine is 40.", retrieved={"bm25": Retrieved(3, 4.0)})
        >>> print(trail_text(RerankExample("q0", "What is the fee?", (fee,), (fine,))))
        q0: What is the fee?
          + The fee is 40.
          - The fine is 40.
              bm25: rank 3, score 4 (positive: rank 1, score 7.5)
    """
    lines = [f"{example.query_id}: {_short(example.query)}"]
    lines += [f"  + {_short(positive.text)}" for positive in example.positives]
    for negative in example.negatives:
        lines.append(f"  - {_short(negative.text)}")
        steps = _steps(example, negative)
        lines += [f"      {_described(step)}" for step in steps]
        lines += [f"      doubted by {flag}" for flag in steps[0].flags]
    return "\n".join(lines)


def _steps(example: RerankExample, negative: Passage) -> list[TrailStep]:
    flags = tuple(negative.metadata.get(FLAGS, ()))
    if not negative.retrieved:
        return [TrailStep(negative, None, None, None, None, None, flags)]
    return [
        TrailStep(negative, source, place.rank, place.score, *_best_positive(example, source), flags)
        for source, place in negative.retrieved.items()
    ]


def _best_positive(example: RerankExample, source: str) -> tuple[int | None, float | None]:
    places = [positive.retrieved[source] for positive in example.positives if source in positive.retrieved]
    best: Retrieved | None = min(places, key=lambda place: place.rank, default=None)
    return (None, None) if best is None else (best.rank, max(place.score for place in places))


def _described(step: TrailStep) -> str:
    if step.source is None:
        return "judged not relevant"
    if step.source == "random":
        return "drawn at random"
    positive = (
        "not found" if step.positive_rank is None else f"rank {step.positive_rank}, score {step.positive_score:.4g}"
    )
    return f"{step.source}: rank {step.rank}, score {step.score:.4g} (positive: {positive})"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else line[:99] + "…"
