"""How many threads a backend computes with."""

from __future__ import annotations

import os
import sys


def compute_threads() -> int:
    """Threads for one computation: what torch is set to where it is loaded, at most the cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch = sys.modules.get("torch")
    wanted = torch.get_num_threads() if torch is not None else int(os.environ.get("OMP_NUM_THREADS") or cores)
    return max(1, min(cores, wanted))
