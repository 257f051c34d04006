"""The command as a person types it: help, refusals in one line, and a run on a small file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llama_index_rerank_tuner import pipeline
from llama_index_rerank_tuner.cli.app import app
from llama_index_rerank_tuner.dataset import RerankDataset


def rerank_tuner(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llama_index_rerank_tuner.cli.app", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
    )


def test_help_lists_the_commands() -> None:
    done = rerank_tuner("--help")
    assert done.returncode == 0
    assert "run" in done.stdout
    assert "demo" in done.stdout


def test_a_run_without_data_says_what_to_give() -> None:
    done = rerank_tuner("run")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "Error: Give the data: --data DIR_OR_FILE, or the environment variable RERANK_TUNER_DATA."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it holds no record"),
        ('{"query": "q", "passage": "p"}\n', 'line 1: the key "score" is missing'),
        ('{"query": "q", "passage": "p", "score": 1}\n{"query": "q", "passage": "r", "score": "yes"}\n', "line 2: "),
        ('{"query": "q", "passage": "p", "score": 0}\n', "line 1: the query has no positive passage"),
        ('{"query": "q", "passage"\n', "line 1: not valid JSON"),
    ],
)
def test_bad_data_is_one_message_with_file_and_line(tmp_path: Path, content: str, message: str) -> None:
    data = tmp_path / "train.jsonl"
    data.write_text(content)
    done = rerank_tuner("run", "--data", str(data), "--output", str(tmp_path / "out"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {data}")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = rerank_tuner("run", RERANK_TUNER_DATA=str(tmp_path / "nowhere.jsonl"))
    assert done.returncode == 1
    assert "nowhere.jsonl: no such file" in done.stderr


def test_a_run_prints_the_table_and_the_verdict(
    learnable: RerankDataset, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    data = tmp_path / "questions.jsonl"
    learnable.to_groups(data)
    done = rerank_tuner(
        "run", "--data", str(data), "--output", str(tmp_path / "out"), "--model", str(tiny_models["cross-encoder"]),
        "--val", "12", "--test", "36", "--depth", "10", "--epochs", "1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for expected in ("36 questions from", "| tuned + mix", "nDCG@10", "Verdict:", "checkpoint"):
        assert expected in done.stdout
    assert json.loads((tmp_path / "out" / "run.json").read_text())["benchmark"]["questions"] == 36


@pytest.mark.parametrize(("option", "guards"), [((), None), (("--guards",), None), (("--no-guards",), ())])
def test_guards_are_the_default_ones_unless_they_are_refused(
    option: tuple[str, ...],
    guards: tuple[()] | None,
    learnable: RerankDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class StoppedError(Exception):
        pass

    def stop(*_: object, **settings: object) -> None:
        given.append(settings["guards"])
        raise StoppedError

    given: list[object] = []
    monkeypatch.setattr(pipeline, "tune_reranker", stop)
    data = tmp_path / "questions.jsonl"
    learnable.to_groups(data)
    assert isinstance(CliRunner().invoke(app, ["run", "--data", str(data), *option]).exception, StoppedError)
    assert given == [guards]
