"""Pseudo-positives and soft labels: what a judge or a teacher adds, and how it is marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError, ScoreError
from llama_index_rerank_tuner.mining import pseudo_positives, soft_labels
from llama_index_rerank_tuner.records import Passage
from tests.mining.stand_ins import Listed, descending, questions


class Teacher:
    """Scores a passage by a table of its text."""

    name = "teacher-large"

    def __init__(self, scores: dict[str, float]) -> None:
        self.scores, self.asked = scores, list[list[tuple[str, str]]]()

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        self.asked.append(list(pairs))
        return np.array([self.scores[passage] for _, passage in pairs])


class Grades:
    """Judges a passage by a table of its text."""

    name = "judge-large"

    def __init__(self, grades: dict[str, float | None]) -> None:
        self.grades, self.asked = grades, list[tuple[str, str]]()

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        self.asked += pairs
        return [self.grades[passage] for _, passage in pairs]


class Worded(Listed):
    """Returns nodes whose text is their id."""

    def _retrieve(self, query_bundle: Any) -> Any:
        found = super()._retrieve(query_bundle)
        for each in found:
            each.node.text = each.node.node_id
        return found


TOP = Worded(descending(1, 0, 2, 3, 4))


def _judged() -> RerankDataset:
    return questions({"q": [0]}, negatives=(Passage("text 4", node_id="n04", label=0.0),))


def test_what_a_judge_confirms_becomes_a_positive_that_names_the_judge(tmp_path: Path) -> None:
    judge = Grades({"n01": 2.0, "n02": None, "n03": 0.0})
    dataset, report = pseudo_positives(_judged(), TOP, judge=judge, name="bm25")
    assert [passage for _, passage in judge.asked] == ["n01", "n02", "n03"]
    own, added = dataset[0].positives
    assert (own.key, own.metadata) == ("n00", {})
    assert (added.key, added.label, added.metadata) == ("n01", 2.0, {"pseudo_positive": "judge-large"})
    assert dict(added.retrieved) == {"bm25": (1, 10.0)}
    assert (report.asked, report.confirmed, report.unknown, report.questions) == (3, 1, 1, 1)
    dataset.to_groups(tmp_path / "more.jsonl")
    assert RerankDataset.load(tmp_path / "more.jsonl")[0] == dataset[0]


def test_a_teacher_confirms_what_it_scores_as_high_as_the_questions_own_positive() -> None:
    teacher = Teacher({"text 0": 1.5, "n01": 1.4, "n02": 3.0, "n03": 1.5})
    dataset, report = pseudo_positives(_judged(), TOP, scorer=teacher)
    added = dataset[0].positives[1:]
    assert [(each.key, each.label, each.teacher_score) for each in added] == [("n02", 1.0, 3.0), ("n03", 1.0, 1.5)]
    assert str(report).splitlines()[0].split() == ["confirmed", "by", "teacher-large"]
    few, _ = pseudo_positives(_judged(), TOP, scorer=teacher, at_most=1)
    assert [each.key for each in few[0].positives] == ["n00", "n02"]
    high, _ = pseudo_positives(_judged(), TOP, scorer=teacher, at_least=2.9)
    assert [each.key for each in high[0].positives] == ["n00", "n02"]


def test_only_the_first_unjudged_candidates_are_asked_about() -> None:
    judge = Grades({"n01": 0.0, "n02": 0.0})
    pseudo_positives(_judged(), TOP, judge=judge, top_k=2)
    assert [passage for _, passage in judge.asked] == ["n01", "n02"]


def test_requests_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigError, match="either judge= or scorer="):
        pseudo_positives(_judged(), TOP)
    with pytest.raises(ConfigError, match="either judge= or scorer="):
        pseudo_positives(_judged(), TOP, judge=Grades({}), scorer=Teacher({}))
    with pytest.raises(ConfigError, match="top_k and at_most must be positive integers, got 0 and None"):
        pseudo_positives(_judged(), TOP, judge=Grades({}), top_k=0)


def test_soft_labels_stand_beside_the_labels_and_each_pair_is_scored_once() -> None:
    teacher = Teacher({"text 0": 4.5, "text 4": -2.0, "text 1": 0.5})
    dataset = questions({"q": [0, 1], "r": [0]}, negatives=(Passage("text 4", node_id="n04", label=0.0),))
    scored = soft_labels(dataset, teacher, batch=2)
    assert [(p.label, p.teacher_score) for p in (*scored[0].positives, *scored[0].negatives)] == [
        (1.0, 4.5), (1.0, 0.5), (0.0, -2.0)
    ]  # fmt: skip
    assert [len(batch) for batch in teacher.asked] == [2, 2, 1]
    assert dataset[0].positives[0].teacher_score is None


def test_a_teacher_that_gives_no_number_or_too_few_is_named() -> None:
    with pytest.raises(ScoreError, match=r"teacher-large gave nan for query 'question q' and passage 'text 4'"):
        soft_labels(_judged(), Teacher({"text 0": 1.0, "text 4": float("nan")}))

    class Short(Teacher):
        def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
            return np.zeros(1)

    with pytest.raises(ScoreError, match=r"was given 2 pairs and gave scores of shape \(1,\)"):
        soft_labels(_judged(), Short({}))
    with pytest.raises(ConfigError, match="batch must be a positive integer, got 0"):
        soft_labels(_judged(), Short({}), batch=0)
