"""Soft labels: a teacher's scores beside the texts, for distillation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError, ScoreError
from llama_index_rerank_tuner.protocols import Scorer
from llama_index_rerank_tuner.records import Passage, RerankExample

Pair = tuple[str, str]


def soft_labels(dataset: RerankDataset, scorer: Scorer, batch: int = 1024) -> RerankDataset:
    """Give every positive and every negative the teacher's score, as ``teacher_score``; labels stay.

    The teacher gets the bare query and passage text, because a template of the data set's contract is the student's.
    A pair that stands twice is scored once.

    Args:
        dataset: The questions, with negatives mined.
        scorer: The teacher.
        batch: Pairs handed to it at once.

    Raises:
        ConfigError: ``batch`` is not positive.
        ScoreError: The teacher gave a score that is no finite number, or too few scores.
    """
    if batch < 1:
        raise ConfigError(f"batch must be a positive integer, got {batch}.")
    pairs = [(example.query, p.text) for example in dataset for p in (*example.positives, *example.negatives)]
    scores = teacher_scores(scorer, pairs, batch)
    return dataset.with_examples(_scored(example, scores) for example in dataset)


def teacher_scores(scorer: Scorer, pairs: Iterable[Pair], batch: int = 1024) -> dict[Pair, float]:
    """A teacher's score of every different pair.

    Raises:
        ScoreError: A score is no finite number, or there are too few.
    """
    different = list(dict.fromkeys(pairs))
    scores: dict[Pair, float] = {}
    for start in range(0, len(different), batch):
        asked = different[start : start + batch]
        given = np.asarray(scorer(asked), dtype=np.float64)
        _check(scorer.name, asked, given)
        scores.update(zip(asked, given.tolist(), strict=True))
    return scores


def _scored(example: RerankExample, scores: dict[Pair, float]) -> RerankExample:
    def scored(passages: tuple[Passage, ...]) -> tuple[Passage, ...]:
        return tuple(replace(each, teacher_score=scores[example.query, each.text]) for each in passages)

    return replace(example, positives=scored(example.positives), negatives=scored(example.negatives))


def _check(name: str, asked: Sequence[Pair], given: np.ndarray) -> None:
    if given.shape != (len(asked),):
        raise ScoreError(f"{name} was given {len(asked)} pairs and gave scores of shape {given.shape}.")
    wrong = np.flatnonzero(~np.isfinite(given))
    if wrong.size:
        query, passage = asked[int(wrong[0])]
        raise ScoreError(f"{name} gave {given[wrong[0]]} for query {query[:60]!r} and passage {passage[:60]!r}.")
