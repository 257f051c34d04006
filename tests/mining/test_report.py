"""The report's table, file and picture, and the trail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.mining import (
    HardNegativeDatasetGenerator,
    MiningReport,
    Selection,
    plot_scores,
    trail,
    trail_text,
)
from llama_index_rerank_tuner.mining.guards.guard import Decision
from llama_index_rerank_tuner.records import Passage, RerankExample
from tests.mining.stand_ins import NODES, Listed, Rule, descending, questions, unguarded


def _mined() -> tuple[RerankExample, MiningReport]:
    sources = {"bm25": Listed(descending(1, 0, 2, 3)), "dense": Listed(descending(3, 1, 2, top=0.5))}
    guard = Rule("teacher", {"n01": Decision("drop", "above the positive"), "n03": Decision("flag", "near it")})
    selection = Selection(3, random_negatives=1, sampling="hardest")
    generator = HardNegativeDatasetGenerator(NODES[:6], sources, selection=selection, guards=[guard])
    judged = (Passage("text 5", node_id="n05", label=0.0),)
    return generator.generate(questions({"q": [0]}, negatives=judged))[0], generator.report


def test_the_trail_has_the_positive_beside_each_negative_in_every_source() -> None:
    example, _ = _mined()
    assert [(step.negative.key, *step[1:]) for step in trail(example)] == [
        ("n05", None, None, None, None, None, ()),
        ("n03", "bm25", 4, 7.0, 2, 9.0, ("teacher: near it",)),
        ("n03", "dense", 1, 0.5, None, None, ("teacher: near it",)),
        ("n04", "random", 1, 0.0, None, None, ()),
    ]


def test_the_trail_reads_as_text() -> None:
    assert trail_text(_mined()[0]).splitlines() == [
        "q: question q",
        "  + text 0",
        "  - text 5",
        "      judged not relevant",
        "  - text 3",
        "      bm25: rank 4, score 7 (positive: rank 2, score 9)",
        "      dense: rank 1, score 0.5 (positive: not found)",
        "      doubted by teacher: near it",
        "  - text 4",
        "      drawn at random",
    ]


def test_the_trail_takes_the_best_of_several_positives() -> None:
    generator = unguarded(NODES[:4], {"bm25": Listed(descending(1, 2, 3))}, random_negatives=0)
    example = generator.generate(questions({"q": [3, 2]}))[0]
    assert [step[1:] for step in trail(example) if step.source == "bm25"] == [("bm25", 1, 10.0, 2, 9.0, ())]


def test_the_table_holds_every_count() -> None:
    lines = [line.rsplit(maxsplit=1) for line in str(_mined()[1]).splitlines()]
    assert [(name.strip(), int(count)) for name, count in lines] == [
        ("questions", 1),
        ("with too few negatives", 0),
        ("negatives from bm25", 1),
        ("negatives from dense", 1),
        ("negatives from random", 1),
        ("refused: judged for this question", 1),
        ("refused: teacher: above the positive", 1),
        ("teacher drop: above the positive", 1),
        ("teacher flag: near it", 1),
        ("teacher keep", 2),
    ]


def test_the_report_is_saved_as_json(tmp_path: Path) -> None:
    _, report = _mined()
    report.save(tmp_path / "mining.json")
    saved = json.loads((tmp_path / "mining.json").read_text(encoding="utf-8"))
    assert saved == json.loads(json.dumps(report.to_dict()))
    assert saved["scores"]["bm25"]["positive"]["median"] == 9.0
    quartiles = dict.fromkeys(("lowest", "lower quartile", "median", "upper quartile", "highest"), 0.5)
    assert saved["scores"]["dense"] == {"positive": {"count": 0}, "negative": {"count": 1, **quartiles}}
    assert saved["cases"][0]["reason"] == "above the positive"


def test_the_picture_is_drawn_also_where_a_source_found_no_positive(tmp_path: Path) -> None:
    plot_scores(_mined()[1], tmp_path / "scores.png")
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")


def test_a_report_without_scores_has_no_picture(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no source scored .* Plot after generate\(\)"):
        plot_scores(MiningReport(), tmp_path / "scores.png")
    assert not list(tmp_path.iterdir())
