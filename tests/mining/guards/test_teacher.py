"""A teacher's logits against the positive's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, ScoreError
from llama_index_rerank_tuner.mining.guards import TeacherGuard, teacher
from llama_index_rerank_tuner.records import Passage, RerankExample


class Reads:
    """Reads the logit that a text states, and remembers what it was asked."""

    name = "reads"

    def __init__(self) -> None:
        self.calls: list[list[tuple[str, str]]] = []

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        self.calls.append(list(pairs))
        return np.array([float(text) for _, text in pairs])


def _example(*logits: float) -> RerankExample:
    return RerankExample("q", "What is the fee?", tuple(Passage(str(logit)) for logit in logits))


def _outcomes(guard: TeacherGuard, example: RerankExample, *logits: float) -> list[str]:
    return [each.outcome for each in guard.decide(example, [Passage(str(logit)) for logit in logits])]


@pytest.mark.parametrize(
    ("positive", "candidates"),
    [
        # sigmoid(0) is 0.5, and 95 % of it the sigmoid of -0.1001.
        (0.0, (-0.09, -0.11)),
        (9.0, (2.95, 2.93)),
        # Far below 0 the sigmoid is exp: the line is log(0.95) = -0.051 under the positive.
        (-9.0, (-9.05, -9.06)),
        (-800.0, (-800.05, -800.06)),
        (800.0, (2.95, 2.94)),
    ],
)
def test_the_share_is_taken_of_the_probability(positive: float, candidates: tuple[float, float]) -> None:
    assert _outcomes(TeacherGuard(Reads(), band=0.0), _example(positive), *candidates) == ["drop", "keep"]


@settings(max_examples=40)
@given(positive=st.floats(-50, 50), share=st.floats(0.01, 1), margin=st.floats(0, 10))
def test_a_candidate_that_scores_as_the_positive_is_never_kept(positive: float, share: float, margin: float) -> None:
    guard = TeacherGuard(Reads(), share=share, margin=margin, band=0.0)
    nudge = 1e-9 * (1 + abs(positive))
    assert _outcomes(guard, _example(positive), positive + nudge, positive + 1) == ["drop", "drop"]


def test_close_under_the_line_is_flagged() -> None:
    guard = TeacherGuard(Reads(), share=1.0, margin=2.0, band=1.5)
    assert _outcomes(guard, _example(5.0), 3.0, 2.9, 1.5, 1.4) == ["drop", "flag", "flag", "keep"]
    reasons = [each.reason for each in guard.decide(_example(5.0), [Passage("3"), Passage("2")])]
    assert reasons == ["teacher scores it like a positive", "teacher scores it close to a positive"]


def test_the_lowest_of_several_positives_counts() -> None:
    assert _outcomes(TeacherGuard(Reads(), band=0.0), _example(5.0, 1.0), 1.2, 0.5) == ["drop", "keep"]


def test_a_threshold_drops_whatever_the_positive_scores() -> None:
    guard = TeacherGuard(Reads(), threshold=0.5, band=0.0)
    assert _outcomes(guard, _example(9.0), 0.0, -0.01) == ["drop", "keep"]
    assert _outcomes(guard, _example(), 0.1, -3.0) == ["drop", "keep"]


def test_a_question_costs_one_call_and_a_pair_is_asked_once() -> None:
    reads = Reads()
    guard = TeacherGuard(reads)
    _outcomes(guard, _example(5.0), 1.0, 2.0, 1.0)
    _outcomes(guard, _example(5.0), 2.0, 3.0)
    assert [[text for _, text in call] for call in reads.calls] == [["5.0", "1.0", "2.0"], ["3.0"]]
    assert guard.scores("What is the fee?", ["2.0", "5.0"]).tolist() == [2.0, 5.0]
    assert len(reads.calls) == 2


def test_nothing_is_asked_where_there_is_no_candidate() -> None:
    reads = Reads()
    assert TeacherGuard(reads).decide(_example(5.0), []) == []
    assert reads.calls == []


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "CACHED_PAIRS", 2)
    reads = Reads()
    guard = TeacherGuard(reads)
    assert guard.scores("q", ["1", "2", "3"]).tolist() == [1.0, 2.0, 3.0]
    guard.scores("q", ["2", "3"])
    assert guard.scores("q", ["1", "3"]).tolist() == [1.0, 3.0]
    assert [[text for _, text in call] for call in reads.calls] == [["1", "2", "3"], ["1"]]


class Gives:
    name = "gives"

    def __init__(self, *scores: float) -> None:
        self.given = scores

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        return np.array(self.given)


@pytest.mark.parametrize("scores", [(1.0,), (1.0, float("nan")), (1.0, float("inf")), (1.0, 2.0, 3.0)])
def test_scores_that_cannot_be_compared_are_an_error_that_names_the_teacher(scores: tuple[float, ...]) -> None:
    with pytest.raises(ScoreError, match=r"The teacher gives gave \d scores"):
        TeacherGuard(Gives(*scores)).decide(_example(1.0), [Passage("a")])


def test_the_name_is_the_teachers() -> None:
    assert TeacherGuard(Reads()).name == "teacher reads"


@pytest.mark.parametrize("setting", [{"share": 0.0}, {"share": 1.1}, {"threshold": 1.0}, {"margin": -1}, {"band": -1}])
def test_settings_are_checked(setting: dict[str, float]) -> None:
    (name,) = setting
    with pytest.raises(ConfigError, match=f"{name} must be"):
        TeacherGuard(Reads(), **setting)
