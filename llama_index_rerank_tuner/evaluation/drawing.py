"""Drawing some of the questions, for measurements that ask each of them many times."""

from __future__ import annotations

import random

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError


def drawn(dataset: RerankDataset, questions: int | None, seed: int) -> RerankDataset:
    """So many questions, drawn at random, in the data set's order; all where ``questions`` is None or more than all.

    Args:
        dataset: The questions.
        questions: How many.
        seed: Same data set and seed, same questions.

    Raises:
        ConfigError: The number is not positive.
    """
    if questions is None:
        return dataset
    if questions < 1:
        raise ConfigError(f"questions must be a positive number of questions, got {questions}.")
    if questions >= len(dataset):
        return dataset
    places = sorted(random.Random(seed).sample(range(len(dataset)), questions))
    return dataset.with_examples(dataset[place] for place in places)
