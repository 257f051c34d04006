"""A run that is cut off and resumed ends as one that was not, and is refused where it is not the same run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.reranking import FinetunedRerank
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine, FinetuneConfig
from llama_index_rerank_tuner.training.model import hardware
from llama_index_rerank_tuner.training.run import folder as output
from llama_index_rerank_tuner.training.run.trainer import RerankTrainer

SCRIPT = Path(__file__).with_name("train_tiny.py")
CONFIG = FinetuneConfig(epochs=2, learning_rate=3e-3, batch_size=32, evaluations_per_epoch=2)


class CutOffError(BaseException):
    """Stands for Ctrl-C, which pytest takes for its own."""


def warm_start(data: RerankDataset) -> list[Any]:
    return [
        replace(
            example,
            candidates=tuple(
                replace(passage, teacher_score=score)
                for passage, score in zip((*example.positives, *example.negatives), (9.0, 2.0, 1.0, 0.0), strict=True)
            ),
        )
        for example in data[:20]
    ]


def engine(data: RerankDataset, model: str, path: Path, **settings: Any) -> CrossEncoderFinetuneEngine:
    split = data.split(val=12, test=12)
    settings = {"config": CONFIG, "warm_start": warm_start(data), **settings}
    return CrossEncoderFinetuneEngine(split.train, split.val, model_id=model, model_output_path=path, **settings)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {f"{part}/{name}": each for part in (".", "base", "last") for name, each in _file(folder / part).items()}


def _file(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def assert_same_run(folder: Path, expected: Path) -> None:
    ours, theirs = weights(folder), weights(expected)
    assert [name for name in theirs if not torch.equal(ours[name], theirs[name])] == []
    reports = [json.loads((each / "training_report.json").read_text()) for each in (folder, expected)]
    for key in ("curve", "warm start curve", "best", "settings", "pairs"):
        assert reports[0][key] == reports[1][key], key


@pytest.fixture
def with_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout stays on, so that the random states matter."""
    monkeypatch.setattr(hardware, "_without_dropout", lambda model: nullcontext())


def cut_off_after(monkeypatch: pytest.MonkeyPatch, method: str, calls: int) -> None:
    """Let a method of the trainer be called so often, and raise at the next call."""
    original, left = getattr(RerankTrainer, method), [calls]

    def counted(self: RerankTrainer, *args: Any, **settings: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise CutOffError
        return original(self, *args, **settings)

    monkeypatch.setattr(RerankTrainer, method, counted)


@pytest.fixture
def whole(learnable: RerankDataset, tiny_encoder: str, tmp_path: Path, with_dropout: None) -> Path:
    engine(learnable, tiny_encoder, tmp_path / "whole").finetune()
    return tmp_path / "whole"


def test_cut_off_every_few_steps_it_ends_with_the_same_weights_and_curves(
    learnable: RerankDataset, tiny_encoder: str, tmp_path: Path, whole: Path
) -> None:
    path, attempts = tmp_path / "resumed", 0
    while not path.exists():
        attempts += 1
        assert attempts < 10, "a resumed run gets no further"
        with pytest.MonkeyPatch.context() as patch:
            cut_off_after(patch, "compute_loss", 3)
            try:
                engine(learnable, tiny_encoder, path).finetune(resume=True)
            except CutOffError:
                continue
    assert attempts >= 4
    assert_same_run(path, whole)
    assert {each.name for each in tmp_path.iterdir() if "resumed" in each.name} == {"resumed"}


@pytest.mark.parametrize("saves", [0, 1, 4])
def test_cut_off_while_it_saves_it_ends_with_the_same_weights(
    learnable: RerankDataset, tiny_encoder: str, tmp_path: Path, whole: Path, saves: int
) -> None:
    path = tmp_path / "resumed"
    with pytest.MonkeyPatch.context() as patch:
        cut_off_after(patch, "_save", saves)
        with pytest.raises(CutOffError):
            engine(learnable, tiny_encoder, path).finetune()
    engine(learnable, tiny_encoder, path).finetune(resume=True)
    assert_same_run(path, whole)


def test_a_torn_or_damaged_checkpoint_is_passed_over(
    learnable: RerankDataset, tiny_encoder: str, tmp_path: Path, whole: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "resumed"
    with pytest.MonkeyPatch.context() as patch:
        cut_off_after(patch, "compute_loss", 8)
        with pytest.raises(CutOffError):
            engine(learnable, tiny_encoder, path).finetune()
    saved = sorted((tmp_path / ".resumed.partial" / "run" / "training").glob("0*"))
    assert len(saved) == 2
    (saved[-1] / "optimizer.pt").write_bytes(b"torn")
    (saved[-1].with_name(".00000099.writing")).mkdir()
    engine(learnable, tiny_encoder, path).finetune(resume=True)
    assert f"{saved[-1]} is damaged and passed over" in caplog.text
    assert_same_run(path, whole)


def test_another_run_is_not_resumed_and_the_error_says_what_differs(
    learnable: RerankDataset, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    path, model = tmp_path / "model", str(tiny_models["encoder"])
    with pytest.MonkeyPatch.context() as patch:
        cut_off_after(patch, "compute_loss", 2)
        with pytest.raises(CutOffError):
            engine(learnable, model, path).finetune()
    with pytest.raises(ConfigError, match=r"another one: learning_rate 0.003 then, 0.01 now"):
        engine(learnable, model, path, config=replace(CONFIG, learning_rate=0.01)).finetune(resume=True)
    with pytest.raises(ConfigError, match="other training data"):
        engine(learnable[:60], model, path).finetune(resume=True)
    with pytest.raises(ConfigError, match="other model; other weights"):
        engine(learnable, str(tiny_models["cross-encoder"]), path).finetune(resume=True)
    engine(learnable, model, path, config=replace(CONFIG, save_steps=1)).finetune(resume=True)


def test_what_is_not_resumed_is_kept_beside_and_resume_is_named(
    learnable: RerankDataset, tiny_encoder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "model"
    with pytest.MonkeyPatch.context() as patch:
        cut_off_after(patch, "compute_loss", 10)
        with pytest.raises(CutOffError):
            engine(learnable, tiny_encoder, path).finetune()
    assert "finetune(resume=True) goes on from its last checkpoint" in caplog.text
    engine(learnable, tiny_encoder, path).finetune()
    assert "finetune(resume=True) would have gone on with it" in caplog.text
    assert FinetunedRerank(tmp_path / ".model.interrupted" / "checkpoint" / "base").top_n == 3


def test_with_nothing_to_resume_it_starts_anew_and_an_ended_run_is_left_alone(
    learnable: RerankDataset, tiny_encoder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "model"
    engine(learnable, tiny_encoder, path).finetune(resume=True)
    assert "Nothing to resume" in caplog.text
    written = (path / "training_report.json").stat().st_mtime_ns
    again = engine(learnable, tiny_encoder, path)
    again.finetune(resume=True)
    assert (path / "training_report.json").stat().st_mtime_ns == written
    assert again.report["best"] == json.loads((path / "training_report.json").read_text())["best"]


@pytest.mark.parametrize("moment", ["rename", "rmtree"])
def test_cut_off_while_it_publishes_it_ends_well(
    learnable: RerankDataset, tiny_encoder: str, tmp_path: Path, whole: Path, moment: str
) -> None:
    path = tmp_path / "resumed"

    def cut_off(self: output.RunFolder) -> None:
        if moment == "rmtree":
            self.checkpoint.rename(self.output)
        raise CutOffError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output.RunFolder, "_publish", cut_off)
        with pytest.raises(CutOffError):
            engine(learnable, tiny_encoder, path).finetune()
    engine(learnable, tiny_encoder, path).finetune(resume=True)
    assert_same_run(path, whole)


@pytest.mark.slow
def test_killed_at_ten_moments_it_ends_with_the_same_weights(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    """SIGKILL, from outside, at moments drawn over the whole run, those of validation and saving included."""
    from llama_index_rerank_tuner import load_handbook
    from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator
    from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever

    handbook = load_handbook()
    nodes = handbook.nodes()
    mined = HardNegativeDatasetGenerator(nodes, BM25JiebaRetriever(nodes, 10)).generate(handbook)
    mined.to_groups(tmp_path / "data.jsonl")
    config = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 64, "evaluations_per_epoch": 3, "max_length": 32}
    command = [sys.executable, str(SCRIPT), str(tmp_path / "data.jsonl"), str(tiny_models["encoder"])]
    options = ["--config", json.dumps(config), "--imitate", "60", "--resume"]
    moments = tmp_path / "moments"
    moments.mkdir()
    assert killed_at(None, [*command, str(tmp_path / "whole"), *options, "--notes", str(moments)]) == 0
    events = (moments / "events").read_text().splitlines()
    draw = random.Random(0)
    killed = 0
    for number, moment in enumerate(sorted(draw.sample(range(len(events)), 10))):
        path = tmp_path / f"killed-{number}"
        code = killed_at(moment, [*command, str(path), *options])
        killed += code == -signal.SIGKILL
        assert killed_at(None, [*command, str(path), *options]) == 0
        assert_same_run(path, tmp_path / "whole")
    assert killed == 10


def killed_at(moment: int | None, command: list[str]) -> int:
    """Run a command; it kills itself with SIGKILL at an event by number, None lets it end."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "KILL_AT": "" if moment is None else str(moment)}
    return subprocess.run(command, env=environment, capture_output=True, timeout=300).returncode
