"""What people see of a benchmark."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from llama_index_rerank_tuner.errors import ConfigError, MissingExtraError
from llama_index_rerank_tuner.evaluation import BenchmarkResult, GapCase
from llama_index_rerank_tuner.evaluation.report import (
    benchmark_summary,
    benchmark_table,
    plot_contestants,
    plot_gap,
)

# Identical values, so that every interval is known without drawing samples.
TABLE = """\
|                                     | nDCG@10                           | Hit@1                         |
|-------------------------------------|-----------------------------------|-------------------------------|
| retriever                           | 0.500 [0.500, 0.500]              | 0.000 [0.000, 0.000]          |
| tuned                               | 0.625 [0.625, 0.625]              | 1.000 [1.000, 1.000]          |
| worse                               | 0.250 [0.250, 0.250]              | 0.000 [0.000, 0.000]          |
| change against retriever            |                                   |                               |
| tuned                               | +0.125 [+0.125, +0.125] (+25.0 %) | +1.000 [+1.000, +1.000] (n/a) |
| worse                               | -0.250 [-0.250, -0.250] (-50.0 %) | +0.000 [+0.000, +0.000] (n/a) |
| ceiling (candidates in ideal order) | 0.875                             | 1.000                         |"""


def _result(
    values: dict[str, tuple[float, float]] | None = None, questions: int = 6, without_candidates: int = 0
) -> BenchmarkResult:
    values = values or {"retriever": (0.5, 0.0), "tuned": (0.625, 1.0), "worse": (0.25, 0.0)}
    ids = [f"q{i}" for i in range(questions)]
    return BenchmarkResult(
        scores={
            name: {"nDCG@10": dict.fromkeys(ids, ndcg), "Hit@1": dict.fromkeys(ids, hit)}
            for name, (ndcg, hit) in values.items()
        },
        rankings={name: {id_: [] for id_ in ids} for name in values},
        qrels={id_: {"p": 1} for id_ in ids},
        queries={id_: f"question {id_}" for id_ in ids},
        groups={id_: f"document {i}" for i, id_ in enumerate(ids)},
        without_candidates=without_candidates,
        ceiling={"nDCG@10": 0.875, "Hit@1": 1.0},
        reference="retriever",
        samples=50,
    )


def test_the_table_gives_means_changes_intervals_and_the_ceiling_to_the_letter() -> None:
    assert benchmark_table(_result()) == TABLE


def test_a_table_of_chosen_metrics_has_those_columns_only() -> None:
    header, *_ = benchmark_table(_result(), ["Hit@1"]).splitlines()
    assert [cell.strip() for cell in header.split("|")] == ["", "", "Hit@1", ""]


def test_the_retriever_alone_still_makes_a_table() -> None:
    lines = benchmark_table(_result({"retriever": (0.5, 0.0)}), ["nDCG@10"]).splitlines()
    assert lines == [
        "|                                     | nDCG@10              |",
        "|-------------------------------------|----------------------|",
        "| retriever                           | 0.500 [0.500, 0.500] |",
        "| change against retriever            |                      |",
        "| ceiling (candidates in ideal order) | 0.875                |",
    ]


def test_too_few_documents_show_no_interval() -> None:
    lines = benchmark_table(_result({"retriever": (0.5, 0.0)}, questions=4), ["nDCG@10"]).splitlines()
    assert lines[2] == "| retriever                           | 0.500 [no interval] |"


def test_an_unknown_metric_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no metric 'MRR'; there are nDCG@10, Hit@1"):
        benchmark_table(_result(), ["MRR"])
    with pytest.raises(ConfigError, match="no metric 'MRR'; there are nDCG@10, Hit@1"):
        plot_contestants(_result(), tmp_path / "contestants.png", "MRR")


def test_the_summary_counts_questions_documents_and_empty_retrievals() -> None:
    assert benchmark_summary(_result()) == "6 questions from 6 groups"
    assert benchmark_summary(_result(without_candidates=2)) == (
        "6 questions from 6 groups; 2 questions retrieved nothing and score 0"
    )


def _png_size(path: Path) -> tuple[int, int]:
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND\xaeB`\x82")
    assert len(content) > 5000
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@pytest.mark.parametrize("contestants", [1, 2, 6])
def test_the_contestants_are_drawn_as_a_png_that_grows_with_their_number(tmp_path: Path, contestants: int) -> None:
    names = ["retriever", "base", "base + mix", "tuned", "tuned + mix", "other"][:contestants]
    result = _result({name: (0.1 * (i + 1), 0.0) for i, name in enumerate(names)})
    plot_contestants(result, tmp_path / "contestants.png")
    width, height = _png_size(tmp_path / "contestants.png")
    assert 800 <= width <= 2400
    assert 250 + 50 * contestants <= height <= 500 + 150 * contestants


@pytest.mark.parametrize("metric", ["nDCG@10", "Hit@1"])
def test_a_path_may_be_text_and_the_metric_chosen(tmp_path: Path, metric: str) -> None:
    plot_contestants(_result({"retriever": (0.3, 0.0), "tuned": (0.7, 1.0)}), str(tmp_path / "图.png"), metric)
    assert _png_size(tmp_path / "图.png")


def _cases(count: int) -> list[GapCase]:
    return [GapCase(f"q{i}", f"question {i}", (0.5, 0.01 * i), (2.0 + i, 1.5 * i)) for i in range(count)]


@pytest.mark.parametrize("count", [0, 1, 60, 61, 500])
def test_the_gap_is_drawn_as_a_png_for_any_number_of_cases(tmp_path: Path, count: int) -> None:
    plot_gap(_cases(count), tmp_path / "gap.png", "base", "tuned")
    width, height = _png_size(tmp_path / "gap.png")
    assert 1000 <= width <= 3000
    assert 600 <= height <= 2000


def test_without_matplotlib_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'llama-index-rerank-tuner\[plot\]'"):
        plot_contestants(_result(), tmp_path / "contestants.png")
    with pytest.raises(MissingExtraError, match=r"pip install 'llama-index-rerank-tuner\[plot\]'"):
        plot_gap(_cases(2), tmp_path / "gap.png", "base", "tuned")
    assert list(tmp_path.iterdir()) == []
