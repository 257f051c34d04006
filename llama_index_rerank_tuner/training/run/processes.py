"""The processes of one training run: a single one, or those that ``torchrun`` or ``accelerate launch`` started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that train together.

    Args:
        index: Its rank, from 0.
        count: How many there are.

    Example:
        >>> Processes().first, Processes(1, 2).first
        (True, False)
    """

    index: int = 0
    count: int = 1

    @classmethod
    def joined(cls, device: str | None = None) -> Processes:
        """Join the others where a launcher started several; alone otherwise.

        Args:
            device: ``cpu`` joins over gloo even where there are GPUs.
        """
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count < 2 or "RANK" not in os.environ:
            return cls()
        import torch
        from accelerate.state import PartialState  # type: ignore[import-untyped]  # upstream ships no types

        state = PartialState(cpu=device == "cpu" or not torch.cuda.is_available())
        return cls(state.process_index, state.num_processes)

    @property
    def first(self) -> bool:
        """Whether this is the one that writes files and speaks."""
        return self.index == 0

    def wait(self) -> None:
        """Wait until all have come this far."""
        if self.count > 1:
            import torch.distributed

            torch.distributed.barrier()

    def gathered(self, value: Any) -> list[Any]:
        """The value of every process, in the order of their ranks."""
        if self.count == 1:
            return [value]
        import torch.distributed

        values: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(values, value)
        return values

    def average(self, tensors: list[Tensor]) -> None:
        """Put the mean over all processes into each tensor; they are in the same order everywhere."""
        if self.count == 1 or not tensors:
            return
        import torch
        import torch.distributed

        # One message for all: a hundred small ones would wait for each other.
        together = torch.cat([each.reshape(-1) for each in tensors])
        torch.distributed.all_reduce(together)
        together /= self.count
        for each, mean in zip(tensors, torch.split(together, [each.numel() for each in tensors]), strict=True):
            each.copy_(mean.view_as(each))
