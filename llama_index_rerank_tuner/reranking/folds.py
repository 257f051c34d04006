"""Folds over groups: what is fitted on one part of the validation questions is judged on the other."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, DataError


def folds_over_groups(
    groups: Sequence[str], what: str, folds: int = 5, seed: int = 0
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Cut questions into folds that never cut a group.

    Args:
        groups: Group of each of ``n`` questions.
        what: What is fitted, for errors.
        folds: Number of folds; fewer where there are fewer groups.
        seed: Shuffles the groups.

    Yields:
        For each fold, which questions are fitted on and which are judged, two masks of shape ``(n,)``.

    Raises:
        DataError: There are under two groups to cross-fit on.
        ConfigError: There are under two folds.

    Example:
        >>> [judged.tolist() for _, judged in folds_over_groups(["a", "b", "a"], "mix")]
        [[True, False, True], [False, True, False]]
    """
    if folds < 2:
        raise ConfigError(f"folds must be at least 2, got {folds}.")
    different = sorted(set(groups))
    if len(different) < 2:
        raise DataError(what, f"{len(different)} validation groups cannot be cross-fitted", "Give at least two.")
    random.Random(seed).shuffle(different)
    folds = min(folds, len(different))
    fold_of = {group: index % folds for index, group in enumerate(different)}
    members = np.array([fold_of[group] for group in groups])
    for fold in range(folds):
        yield members != fold, members == fold
