"""A tiny cross-encoder that has learnt its subject, and its data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.records import RerankExample
from tests.training.monitor.runs import Run, train


class Learnt(NamedTuple):
    path: str
    fresh: str
    training: Sequence[RerankExample]
    validation: Sequence[RerankExample]
    run: Run


@pytest.fixture(scope="session")
def learnt(learnable: RerankDataset, tiny_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    split = learnable.split(val=18, test=12)
    fresh, folder = str(tiny_models["cross-encoder"]), tmp_path_factory.mktemp("learnt")
    run = train(fresh, split.train.examples, split.val.examples, folder, learning_rate=3e-3, epochs=4)
    run.model.save_pretrained(str(folder / "last"))
    return Learnt(str(folder / "last"), fresh, split.train.examples, split.val.examples, run)
