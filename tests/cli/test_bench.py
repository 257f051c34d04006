"""``rerank-tuner bench`` and ``rerank-tuner report``: from a file and checkpoints to a report, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from llama_index_rerank_tuner.cli.app import app
from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError, DataError, LeakError, RerankTunerError
from llama_index_rerank_tuner.reranking import Calibration, RankMix


@pytest.fixture(scope="module")
def questions(learnable: RerankDataset, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("questions") / "test.jsonl"
    learnable[:24].to_groups(path)
    return str(path)


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without matplotlib: drawing takes longer than all else here."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", *arguments])


def refused(result: Result) -> str:
    assert isinstance(result.exception, RerankTunerError), result.output
    return str(result.exception)


def test_it_measures_and_writes_a_report_that_can_be_drawn_again(
    questions: str, tiny_cross_encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    RankMix(0.5).save(Path(tiny_cross_encoder))
    done = bench(
        questions, "--reranker", f"tiny={tiny_cross_encoder}", "--depth", "6", "--output", str(first),
        "--device", "cpu", "--title", "Six candidates", "--journal", str(tmp_path / "journal.jsonl"),
    )  # fmt: skip
    assert done.exit_code == 0, done.exception
    document = json.loads((first / "report.json").read_text(encoding="utf-8"))
    assert (document["before"], document["after"], document["title"]) == ("retriever", "tiny", "Six candidates")
    assert document["questions"] == 24
    assert list(document["costs"]) == ["tiny"]
    assert document["costs"]["tiny"]["p50"] > 0
    assert (document["depth"], document["noise"], document["reliability"]) == (None, None, None)
    assert all(len(case["after"]["ranking"]) <= 6 for case in document["cases"])
    for said in ("24 questions from 4 groups", "| tiny ", "Verdict:", str(first / "report.html"), "gap.png"):
        assert said in done.stdout

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    again = CliRunner().invoke(app, ["report", str(first / "report.json"), "--output", str(second), "--language", "zh"])
    assert again.exit_code == 0, again.exception
    assert [path.name for path in sorted(second.iterdir())] == ["report.html", "report.json", "report.md"]
    assert (second / "report.json").read_bytes() == (first / "report.json").read_bytes()
    assert "<h2>结论</h2>" in (second / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_pictures")
def test_depths_noise_and_reliability_are_measured_when_asked(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path
) -> None:
    learnable[:6].to_groups(tmp_path / "test.jsonl")
    Calibration(slope=1.0, bias=0.0).save(Path(tiny_cross_encoder))
    one = f"one={tiny_cross_encoder}"
    done = bench(
        str(tmp_path / "test.jsonl"), "--reranker", one, "--reranker", f"two={tiny_cross_encoder}", "--depth", "4",
        "--output", str(tmp_path / "report"), "--depths", "--noise", "--reliability", "--metric", "Hit@5",
    )  # fmt: skip
    assert done.exit_code == 0, done.exception
    document = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert (document["before"], document["after"], document["metric"]) == ("one", "two", "Hit@5")
    assert {row["contestant"] for row in document["depth"]["rows"]} == {"retriever", "one", "two"}
    assert {row["contestant"] for row in document["noise"]} == {"one", "two"}
    assert sum(each["count"] for each in document["reliability"]) == sum(
        len(case["after"]["ranking"]) for case in document["cases"]
    )
    # The same checkpoint twice: no question can differ.
    assert document["comparisons"]["one"]["tally"] == {"wins": 0, "ties": 6, "losses": 0}


@pytest.mark.usefixtures("no_pictures")
def test_given_passages_are_reranked_as_they_are(questions: str, tiny_cross_encoder: str, tmp_path: Path) -> None:
    arguments = ("--reranker", f"tiny={tiny_cross_encoder}", "--retriever", "given", "--output", str(tmp_path / "out"))
    assert bench(questions, *arguments).exit_code == 0
    document = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    # One positive and three negatives, the negatives first: the retriever's order has it fourth.
    assert document["contestants"]["retriever"]["MRR@10"]["mean"]["value"] == 0.25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reranker", "tuned"], "--reranker is NAME=CHECKPOINT, such as tuned=tuned_reranker/model, got 'tuned'"),
        (["--reranker", "a=x", "--reranker", "a=y"], "Two rerankers are called 'a'"),
        (["--reranker", "a=x", "--before", "b"], "--before is one of retriever, a, got 'b'"),
        (["--reranker", "a=x", "--after", "retriever"], "--after is one of a, got 'retriever'"),
        (["--reranker", "a=x", "--before", "a"], "--before and --after are both 'a'"),
        (["--reranker", "a=x", "--retriever", "magic"], "--retriever is bm25, dense:MODEL or given, got 'magic'"),
        (["--reranker", "a=x", "--language", "fr"], "language is one of en, zh, got 'fr'"),
        (["--reranker", "a=./nowhere"], "No model at './nowhere'"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_scored(
    questions: str, tmp_path: Path, arguments: list[str], message: str
) -> None:
    assert message in refused(bench(questions, *arguments, "--output", str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()


def test_reliability_needs_a_calibrated_checkpoint(questions: str, tiny_cross_encoder: str, tmp_path: Path) -> None:
    done = bench(
        questions, "--reranker", f"tiny={tiny_cross_encoder}", "--depth", "4", "--reliability",
        "--output", str(tmp_path / "out"),
    )  # fmt: skip
    assert isinstance(done.exception, ConfigError)
    assert "has no calibration.json: leave --reliability out" in str(done.exception)


def test_a_test_set_that_leaks_from_the_training_data_is_refused(questions: str, tiny_cross_encoder: str) -> None:
    done = bench(questions, "--reranker", f"tiny={tiny_cross_encoder}", "--trained-on", questions)
    assert isinstance(done.exception, LeakError)


def test_a_file_that_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"schema": 1}', encoding="utf-8")
    done = CliRunner().invoke(app, ["report", str(tmp_path / "report.json")])
    assert isinstance(done.exception, DataError)
    assert "a report of schema 1, not 2" in str(done.exception)
