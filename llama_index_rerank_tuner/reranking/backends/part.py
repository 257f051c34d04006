"""Some of many tokenized pairs, without the columns that only pad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

ColumnsT = TypeVar("ColumnsT")


def part_of(features: Mapping[str, ColumnsT], rows: Sequence[int]) -> dict[str, ColumnsT]:
    """Some of the pairs, without the columns in which all of them are padding, on whichever side.

    Args:
        features: numpy arrays or CPU tensors, each ``(n, longest)``; what has another shape stays as it is.
        rows: Which pairs.

    Example:
        >>> ids, mask = np.array([[5, 6, 7], [8, 0, 0]]), np.array([[1, 1, 1], [1, 0, 0]])
        >>> part_of({"input_ids": ids, "attention_mask": mask}, [1])["input_ids"]
        array([[8]])
    """
    mask: Any = features["attention_mask"]
    chosen = list(rows)
    used = np.flatnonzero(np.asarray(mask[chosen].any(0)))
    columns = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1)
    pairs: dict[str, Any] = dict(features)
    for name, value in pairs.items():
        if getattr(value, "shape", None) == mask.shape:
            pairs[name] = value[chosen, columns]
    return pairs
