"""Two processes train what one trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.training.batches.sampling import lists_per_step
from llama_index_rerank_tuner.training.batches.steps import Share, SharedSteps, ShuffledSteps
from llama_index_rerank_tuner.training.losses.lists import TrainingRows
from llama_index_rerank_tuner.training.run.processes import Processes

SCRIPT = Path(__file__).with_name("train_tiny.py")
TOLERANCE = 1e-4
"""Largest difference of a weight between one process and two, in fp32."""
WEIGHT = "bert.encoder.layer.0.output.dense.weight"
UNDETERMINED = "classifier.bias"
"""A loss over differences of logits has no gradient here but rounding errors, which Adam blows up to whole steps."""


def test_every_row_goes_to_one_process_and_counts_once() -> None:
    steps = [[0, 1, 2, 3, 4], [5, 6], [7]]
    first, second = (list(SharedSteps(steps, Processes(index, 2))) for index in range(2))
    assert first == [Share([0, 2, 4], 1.2), Share([5], 1.0), Share([7], 2.0)]
    assert second == [Share([1, 3], 0.8), Share([6], 1.0), Share([7], 0.0)]


def test_an_epoch_takes_every_row_once_in_an_order_of_its_own() -> None:
    steps = ShuffledSteps(10, 4, seed=3)
    first = list(steps)
    steps.set_epoch(1)
    second = list(steps)
    steps.set_epoch(0)
    assert list(steps) == first != second
    assert [len(step) for step in first] == [4, 4, 2]
    assert sorted(chain.from_iterable(second)) == list(range(10))


@pytest.mark.parametrize(("batch_size", "lists"), [(16, 5), (3, 1), (1, 1), (30, 10)])
def test_a_step_takes_whole_lists(batch_size: int, lists: int) -> None:
    rows = [{"query": "q", "docs": ["a", "b", "c"], "label": [1.0, 0.0, 0.0]}]
    assert lists_per_step(TrainingRows("listnet", rows, 0), batch_size) == lists


def test_one_process_alone_needs_no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert Processes.joined() == Processes(0, 1)
    assert Processes().gathered("a") == ["a"]


def launched(processes: int, *arguments: Any) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    command = [sys.executable, *(launcher if processes > 1 else []), str(SCRIPT), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_two_processes_end_as_one(learnable: RerankDataset, tiny_models: dict[str, Path], tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    learnable.to_groups(data)
    config = json.dumps({"epochs": 2, "learning_rate": 1e-3, "batch_size": 20, "loss": "listnet"})
    common = [data, tiny_models["encoder"]]
    options = ["--config", config, "--imitate", "20"]
    for count in (1, 2):
        (tmp_path / str(count)).mkdir()
        launched(count, *common, tmp_path / str(count) / "model", *options, "--notes", tmp_path / str(count))
    one, two = (tmp_path / str(count) / "model" for count in (1, 2))
    for part in ("base", "last", "."):
        ours, theirs = (load_file(each / part / "model.safetensors") for each in (two, one))
        assert (
            max(float((ours[name] - theirs[name]).abs().max()) for name in theirs if name != UNDETERMINED) < TOLERANCE
        )
    assert not torch.equal(theirs[WEIGHT], load_file(one / "base" / "model.safetensors")[WEIGHT])
    reports = [json.loads((each / "training_report.json").read_text()) for each in (one, two)]
    assert (reports[0]["processes"], reports[1]["processes"]) == (1, 2)
    curves = [np.array(each["curve"]["validation"]) for each in reports]
    assert curves[1] == pytest.approx(curves[0])
    for alone, together in zip(reports[0]["curve"]["loss"], reports[1]["curve"]["loss"], strict=True):
        assert together == pytest.approx(alone, rel=1e-4)
    assert sorted(_rows(tmp_path / "2")) == sorted(_rows(tmp_path / "1"))
    assert [each.name for each in (tmp_path / "2").iterdir() if each.is_dir()] == ["model"]


def _rows(folder: Path) -> list[int]:
    """All rows that the processes read, a number as often as it was read."""
    lines = [line for each in folder.glob("rows-*.jsonl") for line in each.read_text().splitlines()]
    return [row for line in lines for row in json.loads(line)]
