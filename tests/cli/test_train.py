"""``rerank-tuner train``: one run from files, its settings from a file and options, and several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from llama_index_rerank_tuner.cli.app import app
from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import CheckpointExistsError, ConfigError, DataError
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine

FAST = ("--epochs", "1", "--batch-size", "32", "--learning-rate", "1e-3", "--loss", "bce", "--device", "cpu")


@pytest.fixture(scope="module")
def files(learnable: RerankDataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("data")
    split = learnable.split(val=12, test=24)
    split.train.to_groups(folder / "train.jsonl")
    split.val.to_groups(folder / "val.jsonl")
    return str(folder / "train.jsonl"), str(folder / "val.jsonl")


def trained(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["train", *arguments])


def raised(result: Result) -> BaseException:
    assert result.exception is not None
    return result.exception


def test_it_trains_from_files_and_says_what_came_of_it(
    files: tuple[str, str], tiny_cross_encoder: str, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    done = trained(
        "--train", files[0], "--val", files[1], "--model", tiny_cross_encoder, "--output", str(output), *FAST
    )
    assert done.exit_code == 0, done.exception
    report = json.loads((output / "training_report.json").read_text())
    assert "36 questions to train on, 12 to validate on" in done.stdout
    step, ndcg = report["best"]
    assert f"step {step:<8} {ndcg:.4f}  kept" in done.stdout
    assert f"checkpoint  {output}" in done.stdout
    assert (report["settings"]["learning_rate"], report["settings"]["loss"]) == (1e-3, "bce")
    again = trained("--train", files[0], "--model", tiny_cross_encoder, "--output", str(output), *FAST)
    assert isinstance(raised(again), CheckpointExistsError)


class Recorded:
    """Stands for the engine: remembers how it was called, and trains nothing."""

    def __init__(self, *datasets: Any, **settings: Any) -> None:
        Recorded.settings = settings
        self.train_dataset, self.val_dataset = datasets[0], datasets[1] or datasets[0]
        self.model_output_path = Path(settings["model_output_path"])
        self.report = {
            "settings": {"epochs": 7, "report_to": ["tensorboard"]},
            "reasons": {"epochs": "few questions"},
            "curve": {"validation": [[0, 0.5], [9, 0.75]]},
            "best": [9, 0.75],
        }

    def finetune(self, resume: bool = False) -> None:
        Recorded.resume = resume

    settings: dict[str, Any]
    resume: bool


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> type[Recorded]:
    monkeypatch.setattr("llama_index_rerank_tuner.training.CrossEncoderFinetuneEngine", Recorded)
    return Recorded


def test_options_win_over_the_file_and_the_file_over_the_defaults(
    recorded: type[Recorded], files: tuple[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "tune.toml"
    config.write_text("[finetune]\nepochs = 7\nlearning_rate = 2e-5\nseed = 3\n")
    done = trained("--train", files[0], "--config", str(config), "--epochs", "2", "--report-to", "tensorboard")
    assert done.exit_code == 0, done.exception
    settings = recorded.settings["config"]
    assert (settings.epochs, settings.learning_rate, settings.seed) == (2, 2e-5, 3)
    assert tuple(settings.report_to) == ("tensorboard",)


@pytest.mark.parametrize(
    ("flags", "resume", "overwrite"), [((), False, False), (("--resume", "--overwrite"), True, True)]
)
def test_resuming_and_overwriting_are_asked_for(
    recorded: type[Recorded], files: tuple[str, str], flags: tuple[str, ...], resume: bool, overwrite: bool
) -> None:
    trained("--train", files[0], *flags)
    assert (recorded.resume, recorded.settings["overwrite"]) == (resume, overwrite)


def test_settings_are_printed_with_their_reasons(recorded: type[Recorded], files: tuple[str, str]) -> None:
    done = trained("--train", files[0])
    assert "  epochs                     7                few questions\n" in done.stdout
    assert "  report_to                  tensorboard\n" in done.stdout
    assert "step 0        0.5000  before training\n" in done.stdout
    assert "step 9        0.7500  kept\n" in done.stdout


def test_only_the_first_process_speaks_and_uploads(
    recorded: type[Recorded], files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads: list[Any] = []

    def upload(checkpoint: Path, repo_id: str, private: bool | None = None) -> str:
        uploads.append((checkpoint.name, repo_id, private))
        return "https://hub/me/tax"

    monkeypatch.setattr("llama_index_rerank_tuner.training.record.publishing.push_to_hub", upload)
    asked = ("--train", files[0], "--output", "out", "--push-to-hub", "me/tax", "--private")
    monkeypatch.setenv("RANK", "1")
    assert (trained(*asked).stdout, uploads) == ("", [])
    monkeypatch.setenv("RANK", "0")
    assert "uploaded    https://hub/me/tax" in trained(*asked).stdout
    assert uploads == [("out", "me/tax", True)]


def test_what_cannot_be_read_is_an_error(files: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        raise raised(trained("--train", str(tmp_path / "nowhere.jsonl")))
    config = tmp_path / "tune.toml"
    config.write_text("epoch = 3\n")
    with pytest.raises(ConfigError, match=r"tune\.toml.*'epoch'"):
        raise raised(trained("--train", files[0], "--config", str(config)))


def test_the_engine_takes_what_the_command_gives_it() -> None:
    """The stand-in above would hide an argument that the engine does not have."""
    import inspect

    assert "resume" in inspect.signature(CrossEncoderFinetuneEngine.finetune).parameters


@pytest.mark.slow
def test_two_processes_train_one_checkpoint_and_the_first_one_speaks(
    files: tuple[str, str], tiny_cross_encoder: str, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m",
            "llama_index_rerank_tuner.cli", "train", "--train", files[0], "--val", files[1],
            "--model", tiny_cross_encoder, "--output", str(output), *FAST,
        ],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("checkpoint  ") == 1
    assert (output / "model.safetensors").is_file()
