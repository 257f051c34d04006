"""Likely false negatives: passages taught as irrelevant that look relevant.

RocketQA (Qu et al. 2021, section 4.2) found most of the unlabelled top of a retriever's list to be relevant; these
rules find the ones that the data itself gives away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from llama_index_rerank_tuner.dataset.audit.finding import Finding, RecordLink, Severity, found, link
from llama_index_rerank_tuner.dataset.audit.forms import Forms
from llama_index_rerank_tuner.dataset.likeness.same_passage import likeness
from llama_index_rerank_tuner.dataset.likeness.wording import asks_the_same
from llama_index_rerank_tuner.records import Passage, RerankExample

RULES: dict[str, tuple[Severity, str]] = {
    "negative equals a positive": (
        "must fix",
        "Negatives that are nearly word for word a positive of the same question: {n}.",
    ),
    "negative resembles a positive": ("should look", "Negatives that resemble a positive of the same question: {n}."),
    "negative contains a positive": (
        "should look",
        "Negatives that contain a positive of the same question, or are part of one: {n}.",
    ),
    "negative answers a near-identical question": (
        "should look",
        "Negatives that are marked relevant for a question that asks nearly the same: {n}.",
    ),
}
_ORDER = {rule: place for place, rule in enumerate(RULES)}
_RULE_OF = {
    "equal": "negative equals a positive",
    "alike": "negative resembles a positive",
    "part": "negative contains a positive",
}


class Suspect(NamedTuple):
    """A negative that looks relevant: by which rule, and which positive (of which question) gives it away."""

    rule: str
    example: RerankExample
    negative: Passage
    positive: Passage
    question: str
    similarity: float

    def link(self) -> RecordLink:
        """The link to the negative."""
        other = f"{self.similarity:.2f} similar to positive {self.positive.key!r}"
        return link(self.example, self.negative, other if self.question == self.example.query else (
            f"relevant for {self.question!r}"
        ))  # fmt: skip


def nearly_equal_negatives(example: RerankExample) -> list[Passage]:
    """Negatives that say nearly word for word, and with the same numbers, what a positive of the question says."""
    return [
        suspect.negative for suspect in _like_own_positives(example) if suspect.rule == "negative equals a positive"
    ]


def suspects(
    examples: Sequence[RerankExample], forms: Forms, near_questions: Iterable[tuple[str, str, float]] = ()
) -> Iterator[Suspect]:
    """All likely false negatives, each under the first rule that finds it.

    Args:
        examples: The questions.
        forms: Numbers texts by normal form.
        near_questions: Two questions that ask nearly the same, and their similarity.
    """
    answers = _answers_of_near_questions(examples, forms, near_questions)
    positive_pairs = forms.positive_pairs(examples)
    for example in examples:
        found_here: set[str] = set()
        for suspect in (*_like_own_positives(example), *_answering_near(example, forms, answers)):
            fresh = suspect.negative.key not in found_here
            if fresh and forms.pair(example, suspect.negative) not in positive_pairs:
                found_here.add(suspect.negative.key)
                yield suspect


def false_negative_findings(
    examples: Sequence[RerankExample], forms: Forms, near_questions: Iterable[tuple[str, str, float]], cap: int
) -> Iterator[Finding]:
    """One finding for each rule that found something."""
    by_rule: defaultdict[str, list[RecordLink]] = defaultdict(list)
    for suspect in suspects(examples, forms, near_questions):
        by_rule[suspect.rule].append(suspect.link())
    for rule, (severity, sentence) in RULES.items():
        yield from found(rule, severity, by_rule[rule], cap, sentence)


def _like_own_positives(example: RerankExample) -> Iterator[Suspect]:
    for negative in example.negatives:
        likenesses = (
            (_RULE_OF[alike.kind], positive, alike.similarity)
            for positive in example.positives
            if (alike := likeness(example.query, negative.text, positive.text)) is not None
        )
        gravest = min(likenesses, key=lambda likeness: _ORDER[likeness[0]], default=None)
        if gravest is not None:
            rule, positive, how_similar = gravest
            yield Suspect(rule, example, negative, positive, example.query, how_similar)


Answers = dict[int, dict[int, tuple[Passage, str, float]]]
"""Number of a question to the answers of questions near it: number of the text to (passage, question, similarity)."""


def _answers_of_near_questions(
    examples: Sequence[RerankExample], forms: Forms, near_questions: Iterable[tuple[str, str, float]]
) -> Answers:
    near: defaultdict[int, dict[int, float]] = defaultdict(dict)
    for first, second, how_similar in near_questions:
        if asks_the_same(first, second):
            near[forms(first)][forms(second)] = near[forms(second)][forms(first)] = how_similar
    answers: defaultdict[int, dict[int, tuple[Passage, str, float]]] = defaultdict(dict)
    for example in examples:
        for neighbour, how_similar in near.get(forms(example.query), {}).items():
            for positive in example.positives:
                answers[neighbour].setdefault(forms(positive.text), (positive, example.query, how_similar))
    return answers


def _answering_near(example: RerankExample, forms: Forms, answers: Answers) -> Iterator[Suspect]:
    known = answers.get(forms(example.query), {})
    for negative in example.negatives if known else ():
        if (answer := known.get(forms(negative.text))) is not None:
            positive, question, how_similar = answer
            yield Suspect(
                "negative answers a near-identical question", example, negative, positive, question, how_similar
            )
