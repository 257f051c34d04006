"""Positives of the same question, and of questions that ask nearly the same."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.mining.guards import Guard, NearQueriesGuard, OtherPositivesGuard
from llama_index_rerank_tuner.records import Passage, RerankExample


def _question(query_id: str, query: str, **positives: str) -> RerankExample:
    return RerankExample(query_id, query, tuple(Passage(text, node_id=key) for key, text in positives.items()))


def _outcomes(guard: Guard, questions: Sequence[RerankExample], *candidates: Passage) -> list[str]:
    """What the guard says of candidates of the first question."""
    dataset = RerankDataset.build(questions)
    guard.prepare(dataset, [])
    return [decision.outcome for decision in guard.decide(dataset[0], candidates)]


FEE = _question("q1", "What is the fee?", a="The fee is 40 crowns.")


def test_a_positive_is_known_by_its_id_and_by_its_text_whatever_its_spelling() -> None:
    candidates = [
        Passage("another cut of the node", node_id="a"),
        Passage("the fee is 40 crowns", node_id="b"),
        Passage("Ｔhe fee is\n40 crowns!", node_id="c"),
        Passage("The fee is 41 crowns.", node_id="d"),
    ]
    assert _outcomes(OtherPositivesGuard(), [FEE], *candidates) == ["drop", "drop", "drop", "keep"]


def test_the_same_question_under_another_id_lends_its_positives() -> None:
    again = _question("q2", "what is the fee", b="Forty crowns a year.")
    other = _question("q3", "Who pays the fee?", c="Every angler.")
    candidates = [*again.positives, *other.positives]
    assert _outcomes(OtherPositivesGuard(), [FEE, again, other], *candidates) == ["drop", "keep"]


def test_passages_without_text_are_not_taken_for_one_another() -> None:
    empty = _question("q1", "What is the fee?", a="The fee is 40 crowns.", b=" ")
    assert _outcomes(OtherPositivesGuard(), [empty], Passage("", node_id="z")) == ["keep"]


def test_preparing_anew_forgets_the_questions_before() -> None:
    guard = OtherPositivesGuard()
    again = _question("q2", "What is the fee?", b="Forty crowns a year.")
    assert _outcomes(guard, [FEE, again], *again.positives) == ["drop"]
    assert _outcomes(guard, [FEE], *again.positives) == ["keep"]


@pytest.mark.parametrize(
    ("asked", "near", "outcome"),
    [
        ("What datasets did they use?", "What dataset do they use?", "drop"),
        ("What is the fee for the red permit?", "What is the fee for the blue permit?", "keep"),
        ("How much is form 7?", "How much is form 8?", "keep"),
        ("外地企业申请研发补贴需要什么材料？", "请问外地企业申请研发补贴需要什么材料呢？", "drop"),
        ("出租人的义务包括哪些？", "承租人的义务包括哪些？", "keep"),
    ],
)
def test_the_answer_to_a_nearly_equal_question_is_dropped(asked: str, near: str, outcome: str) -> None:
    first, second = _question("q1", asked, a="One corpus of letters."), _question("q2", near, b="Sixteen corpora.")
    assert _outcomes(NearQueriesGuard(), [first, second], *second.positives) == [outcome]


def test_the_copy_of_an_answer_to_a_nearly_equal_question_is_dropped_too() -> None:
    first = _question("q1", "What datasets did they use?", a="One corpus.")
    second = _question("q2", "What dataset do they use?", b="Sixteen corpora.")
    copy, stranger = Passage("sixteen corpora", node_id="c"), Passage("Seventeen corpora.", node_id="d")
    assert _outcomes(NearQueriesGuard(), [first, second], copy, stranger) == ["drop", "keep"]


def test_the_strict_rule_alone_finds_fewer() -> None:
    first = _question("q1", "On which datasets do they evaluate the model?", a="One corpus.")
    second = _question("q2", "In which datasets do they evaluate the model?", b="Sixteen corpora.")
    assert _outcomes(NearQueriesGuard(), [first, second], *second.positives) == ["drop"]
    assert _outcomes(NearQueriesGuard(near=1), [first, second], *second.positives) == ["keep"]


def test_similarity_is_a_share() -> None:
    with pytest.raises(ConfigError, match=r"near must be from 0 to 1, got 60"):
        NearQueriesGuard(near=60)
