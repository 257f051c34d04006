"""A judge is asked about what is in doubt, within a budget."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.mining.guards import FLAGS, Decision, JudgeGuard
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved


class Knows:
    """Knows the grades of texts, and remembers what it was asked."""

    name = "knows"

    def __init__(self, **grades: float | None) -> None:
        self.grades, self.asked = grades, list[str]()

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        self.asked += [text for _, text in pairs]
        return [self.grades.get(text, 0.0) for _, text in pairs]


def _candidate(text: str, rank: int, *flags: str) -> Passage:
    metadata = {FLAGS: list(flags)} if flags else {}
    return Passage(text, node_id=text, retrieved={"bm25": Retrieved(rank, 30.0 - rank)}, metadata=metadata)


def _questions(count: int) -> RerankDataset:
    return RerankDataset.build(
        RerankExample(f"q{i}", f"question {i}", (Passage("p", node_id="p"),)) for i in range(count)
    )


def _prepared(judge: Knows, questions: int = 1, **settings: float) -> JudgeGuard:
    guard = JudgeGuard(judge, **settings)  # type: ignore[arg-type]
    guard.prepare(_questions(questions), [])
    return guard


def test_relevant_drops_irrelevant_keeps_and_unknown_flags() -> None:
    judge = Knows(yes=1.0, no=0.0, partly=0.5, unknown=None, broken=float("nan"))
    candidates = [_candidate(text, 1) for text in ("yes", "no", "partly", "unknown", "broken")]
    assert _prepared(judge).decide(_questions(1)[0], candidates) == [
        Decision("drop", "judged relevant"),
        Decision("keep", ""),
        Decision("flag", "judged partly relevant"),
        Decision("flag", "judge gave no answer"),
        Decision("flag", "judge gave no answer"),
    ]


def test_only_the_top_and_the_flagged_are_asked_about() -> None:
    judge = Knows(far=1.0, doubted=1.0)
    candidates = [_candidate("top", 2), _candidate("far", 3), _candidate("doubted", 20, "teacher: close")]
    outcomes = [each.outcome for each in _prepared(judge, ranks=2).decide(_questions(1)[0], candidates)]
    assert judge.asked == ["doubted", "top"]
    assert outcomes == ["keep", "keep", "drop"]


def test_a_drawn_passage_is_not_in_doubt() -> None:
    judge = Knows()
    drawn = Passage("drawn", retrieved={"random": Retrieved(1, 0.0)})
    assert _prepared(judge).decide(_questions(1)[0], [drawn, Passage("bare")]) == [Decision("keep", "")] * 2
    assert judge.asked == []


def test_the_budget_is_for_all_questions_and_what_is_over_is_flagged() -> None:
    judge = Knows()
    guard = _prepared(judge, questions=3, budget=4, ranks=2)
    candidates = [_candidate("second", 2), _candidate("first", 1)]
    decisions = [guard.decide(example, candidates) for example in _questions(3)]
    assert sorted(judge.asked) == ["first", "first", "first", "second"]
    spent = [[each.reason for each in of_one] for of_one in decisions]
    assert spent.count(["", ""]) == 1
    assert spent.count(["not judged: budget spent", ""]) == 2


def test_a_question_that_is_shown_in_parts_does_not_get_more() -> None:
    judge = Knows()
    guard = _prepared(judge, budget=1)
    example = _questions(1)[0]
    guard.decide(example, [_candidate("one", 1)])
    assert guard.decide(example, [_candidate("two", 1)]) == [Decision("flag", "not judged: budget spent")]
    assert judge.asked == ["one"]


def test_a_run_that_goes_on_later_asks_the_same_pairs() -> None:
    whole, resumed = Knows(), Knows()
    first = _prepared(whole, questions=4, budget=2)
    for example in _questions(4):
        first.decide(example, [_candidate(example.query_id, 1)])
    second = _prepared(resumed, questions=4, budget=2)
    for example in reversed(_questions(4).examples):
        second.decide(example, [_candidate(example.query_id, 1)])
    assert sorted(whole.asked) == sorted(resumed.asked)
    assert len(whole.asked) == 2


def test_a_graded_judge_has_its_own_bar() -> None:
    guard = _prepared(Knows(good=2.0, fair=1.0), relevant_from=2.0)
    decisions = guard.decide(_questions(1)[0], [_candidate("good", 1), _candidate("fair", 2)])
    assert [each.outcome for each in decisions] == ["drop", "flag"]


def test_chinese_goes_to_the_judge_as_it_is() -> None:
    judge = Knows(申请费四十元=1.0)
    example = RerankExample("q0", "费用是多少？", (Passage("四十元", node_id="p"),))
    assert _prepared(judge).decide(example, [_candidate("申请费四十元", 1)]) == [Decision("drop", "judged relevant")]


def test_a_judge_that_loses_a_pair_is_an_error_that_names_it() -> None:
    class Loses(Knows):
        def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
            return [0.0] * (len(pairs) - 1)

    with pytest.raises(DataError, match="the judge knows gave 1 grades for 2 pairs"):
        _prepared(Loses()).decide(_questions(1)[0], [_candidate("one", 1), _candidate("two", 2)])


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="budget and ranks must be 0 or more, got -1 and 3"):
        JudgeGuard(Knows(), budget=-1)
    with pytest.raises(ConfigError, match="relevant_from must be over 0, got 0"):
        JudgeGuard(Knows(), relevant_from=0)
