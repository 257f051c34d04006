"""Which rows a step takes, and which of them each process takes: every row once an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch.utils.data import BatchSampler, Dataset

from llama_index_rerank_tuner.training.run.processes import Processes


class Steps(Protocol):
    """The rows of each step of an epoch, all processes together; the same for the same seed and epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0."""

    def __len__(self) -> int:
        """Steps of an epoch."""

    def __iter__(self) -> Iterator[list[int]]:
        """Row numbers, step by step."""


class ShuffledSteps:
    """Rows in an order drawn anew for each epoch, so many a step.

    Args:
        rows: Number of rows.
        rows_per_step: Rows a step takes; the last takes what is left.
        seed: Seeds the order, with the epoch.

    Example:
        >>> steps = ShuffledSteps(5, 2, seed=0)
        >>> len(steps), sorted(sum(steps, []))
        (3, [0, 1, 2, 3, 4])
    """

    def __init__(self, rows: int, rows_per_step: int, seed: int) -> None:
        self.rows, self.rows_per_step, self.seed, self.epoch = rows, rows_per_step, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.rows // self.rows_per_step)

    def __iter__(self) -> Iterator[list[int]]:
        drawn = torch.randperm(self.rows, generator=torch.Generator().manual_seed(self.seed * 100_003 + self.epoch))
        order: list[int] = drawn.tolist()
        for start in range(0, self.rows, self.rows_per_step):
            yield order[start : start + self.rows_per_step]


class Share(NamedTuple):
    """One process's part of a step.

    Args:
        rows: Its row numbers; at least one.
        weight: What its mean loss counts, so that the mean over the processes is the mean over the whole step's rows;
            0 for a row that it was lent because there were fewer rows than processes.
    """

    rows: list[int]
    weight: float


class SharedSteps(BatchSampler):
    """Each step split over the processes: every ``count``-th row, from the process's own index on.

    Args:
        steps: The steps of all processes together.
        processes: This process among them.

    Example:
        >>> list(SharedSteps([[4, 5, 6]], Processes(1, 2)))
        [Share(rows=[5], weight=0.6666666666666666)]
    """

    def __init__(self, steps: Steps | Sequence[list[int]], processes: Processes) -> None:
        self.steps, self.processes = steps, processes

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0."""
        if hasattr(self.steps, "set_epoch"):
            self.steps.set_epoch(epoch)

    @property
    def batch_sampler(self) -> Steps | Sequence[list[int]]:
        """Where the trainer looks for what to tell the epoch."""
        return self.steps

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Share]:  # type: ignore[override]  # a share is what our data set reads
        count = self.processes.count
        for rows in self.steps:
            own = list(rows[self.processes.index :: count])
            yield Share(own or [rows[0]], count * len(own) / len(rows))


class SharedRows(Dataset[Any]):
    """A data set that is read by ``Share``: the rows, and what they count.

    Args:
        rows: A Hugging Face data set.
    """

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, share: Share) -> tuple[list[dict[str, Any]], float]:
        return [self.rows[row] for row in share.rows], share.weight
