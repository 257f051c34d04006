"""How much memory a training step takes, and how much there is: measured on a GPU, estimated elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

CPU_SHARE = 0.5
"""Share of a CPU's free memory that training may take: the data, other programs and working buffers need the rest."""

ADAMW_COPIES = 3
"""What a trained weight carries along: its gradient and AdamW's two moments."""

_CGROUP = Path("/sys/fs/cgroup")
_REFUSALS = (
    "out of memory",
    "can't allocate memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


class Memory(Protocol):
    """A device's memory, as the batch-size probe sees it."""

    @property
    def limit(self) -> int:
        """Bytes that training may take in all, the model included."""
        ...

    def watched(self, model: nn.Module) -> AbstractContextManager[None]:
        """A block in which the training steps of a model are measured; the peak starts anew with it."""
        ...

    def peak(self) -> int:
        """Most bytes taken at once in the last watched block."""
        ...


class CudaMemory:
    """A CUDA GPU, measured: what torch's allocator took from the device at its peak.

    Args:
        device: The GPU; None for the current one.
    """

    def __init__(self, device: Any = None) -> None:
        import torch

        self.device = device
        free, _ = torch.cuda.mem_get_info(device)
        self._limit = free + torch.cuda.memory_reserved(device)

    @property
    def limit(self) -> int:
        """What is free, and what this process holds already."""
        return self._limit

    @contextmanager
    def watched(self, model: nn.Module) -> Iterator[None]:
        """Measure from an empty cache, so that an earlier and larger step does not count."""
        import torch

        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        yield
        torch.cuda.synchronize(self.device)

    def peak(self) -> int:
        """Peak of the memory that torch reserved."""
        import torch

        return int(torch.cuda.max_memory_reserved(self.device))


class EstimatedMemory:
    """A device without a peak counter (a CPU, Apple's GPU), estimated.

    Counted are the weights, the gradients, AdamW's moments, and every tensor that autograd keeps for the backward pass,
    each storage once. Working buffers that live for one operation are not. The count needs no help from the operating
    system and is the same on every run. A step that would pass the limit is refused while it is being built, before
    the machine runs short.

    Args:
        limit: Bytes that training may take.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._peak = limit, 0

    @property
    def limit(self) -> int:
        """Bytes that training may take."""
        return self._limit

    @contextmanager
    def watched(self, model: nn.Module) -> Iterator[None]:
        """Count what autograd keeps within the block.

        Raises:
            torch.OutOfMemoryError: The count passes the limit.
        """
        from torch.autograd.graph import saved_tensors_hooks

        self._peak = standing_bytes(model)
        own = {_storage(each)[0] for each in (*model.parameters(), *model.buffers())}
        with saved_tensors_hooks(lambda tensor: self._keep(tensor, own), lambda tensor: tensor):
            yield

    def peak(self) -> int:
        """The count."""
        return self._peak

    def _keep(self, tensor: Tensor, seen: set[int]) -> Tensor:
        import torch

        place, size = _storage(tensor)
        if place not in seen:
            seen.add(place)
            self._peak += size
            if self._peak > self._limit:
                raise torch.OutOfMemoryError(f"the step needs over {self._limit} bytes: out of memory")
        return tensor


def memory_of(device: Any) -> Memory:
    """The memory of a torch device."""
    import torch

    if device.type == "cuda":
        return CudaMemory(device)
    if device.type == "mps":
        return EstimatedMemory(int(torch.mps.recommended_max_memory()))
    return EstimatedMemory(int(CPU_SHARE * free_cpu_memory()))


def free_cpu_memory() -> int:
    """Bytes that a process here can still get: the machine's, or its container's where that is less."""
    import psutil  # type: ignore[import-untyped]  # it ships no type information

    free = int(psutil.virtual_memory().available)
    try:
        allowed, taken = (int((_CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        counts = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return free
    return min(free, max(0, allowed - taken + int(counts.get("inactive_file", 0))))


def standing_bytes(model: nn.Module) -> int:
    """Bytes of the weights and of what AdamW keeps for those that are trained."""
    weights = {_storage(each)[0]: each for each in (*model.parameters(), *model.buffers())}
    return sum(
        each.numel() * each.element_size() * (1 + (ADAMW_COPIES if each.requires_grad else 0))
        for each in weights.values()
    )


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory ran out; torch has several words for it."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _REFUSALS)


def _storage(tensor: Tensor) -> tuple[int, int]:
    """Address and bytes of what a tensor, or the larger one it is a view of, stands in."""
    storage = tensor.untyped_storage()
    return storage.data_ptr(), storage.nbytes()
