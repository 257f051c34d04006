"""What a training step takes of a CPU's memory, counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sentence_transformers import CrossEncoder
from torch import nn

from llama_index_rerank_tuner.training.memory import device_memory
from llama_index_rerank_tuner.training.memory.device_memory import (
    EstimatedMemory,
    free_cpu_memory,
    memory_of,
    ran_out,
    standing_bytes,
)
from llama_index_rerank_tuner.training.memory.probe import BatchSizeProbe

MIB = 2**20


def test_weights_gradients_and_moments_are_counted() -> None:
    """10 weights of 4 bytes: once frozen, four times where AdamW trains them."""
    layer = nn.Linear(4, 2)
    assert standing_bytes(layer) == 4 * 4 * 10
    layer.bias.requires_grad_(False)
    assert standing_bytes(layer) == 4 * 4 * 8 + 4 * 2


def test_tied_weights_are_counted_once() -> None:
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    assert standing_bytes(nn.Sequential(first, second)) == 4 * 4 * 16


def test_what_autograd_keeps_is_counted_once() -> None:
    """``exp`` keeps its output, 100 floats; ``square`` keeps the same tensor as its input."""
    memory, inputs = EstimatedMemory(10_000), torch.zeros(100, requires_grad=True)
    with memory.watched(nn.Identity()):
        inputs.exp().square().sum().backward()
    assert memory.peak() == 400


def test_each_block_counts_from_the_start() -> None:
    memory = EstimatedMemory(10_000)
    for size in (300, 100):
        with memory.watched(nn.Identity()):
            torch.zeros(size, requires_grad=True).exp().sum().backward()
        assert memory.peak() == 4 * size


def test_a_step_over_the_limit_is_refused_while_it_is_built() -> None:
    done = []

    def step() -> None:
        with EstimatedMemory(500).watched(nn.Identity()):
            first = torch.zeros(100, requires_grad=True).exp()
            done.append("first")
            first.exp()
            done.append("second")

    with pytest.raises(torch.OutOfMemoryError):
        step()
    assert done == ["first"]


@pytest.mark.parametrize("limit", [2 * MIB, 4 * MIB, 8 * MIB])
def test_the_probe_fills_a_cpu_budget(tiny_cross_encoder: str, tmp_path: Path, limit: int) -> None:
    """The found batch fits by the same count, and one step of 8 more does not."""
    model = CrossEncoder(tiny_cross_encoder, device="cpu")
    probe = BatchSizeProbe(length=64, most=1_000, memory=EstimatedMemory(limit), cache_folder=tmp_path)
    found = probe.batch_size(model, "tiny")
    base = standing_bytes(model)
    a_pair = (found.peak - base) / found.batch_size
    assert found.peak <= 0.93 * limit
    assert base + a_pair * (found.batch_size + 8) > 0.93 * limit


def test_a_cpu_gives_half_of_what_is_free() -> None:
    memory = memory_of(torch.device("cpu"))
    assert 0.3 * free_cpu_memory() < memory.limit < 0.7 * free_cpu_memory()


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_memory, "_CGROUP", tmp_path)
    without = free_cpu_memory()
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("3000000\n")
    (tmp_path / "memory.stat").write_text("anon 2000000\ninactive_file 500000\n")
    assert free_cpu_memory() == 2_500_000 < without
    (tmp_path / "memory.max").write_text("max\n")
    assert free_cpu_memory() > 2_500_000


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("The size of tensor a (3) must match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_torchs_words_for_no_memory_are_known(error: Exception, expected: bool) -> None:
    assert ran_out(error) is expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here: the measured figure is not checked")
def test_a_gpu_is_measured(tiny_cross_encoder: str, tmp_path: Path) -> None:
    model = CrossEncoder(tiny_cross_encoder, device="cuda")
    found = BatchSizeProbe(length=64, most=64, cache_folder=tmp_path).batch_size(model, "tiny")
    assert found.batch_size == 64
    assert 0 < found.peak < 0.93 * found.limit
