"""Likely false negatives: passages taught as irrelevant that look relevant.

RocketQA (Qu et al. 2021, section 4.2) found most of the unlabelled top of a retriever's list to be relevant; these
rules find the ones that the data itself gives away.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from llama_index_rerank_tuner.dataset.audit.finding import Finding, RecordLink, Severity, found, link
from llama_index_rerank_tuner.dataset.audit.forms import Forms
from llama_index_rerank_tuner.dataset.audit.wording import asks_the_same, body, lacks_what_is_asked, numbers
from llama_index_rerank_tuner.dataset.likeness.near_duplicates import similarity
from llama_index_rerank_tuner.dataset.likeness.normal_form import UNSPACED, normalised
from llama_index_rerank_tuner.records import Passage, RerankExample

NEARLY_EQUAL = 0.9
"""From this similarity on, and with the same numbers, a negative says what the positive says."""
NEAR = 0.6
"""From this similarity on a negative is worth a look."""
PART = 0.4
"""A contained text must be at least this share of the text around it: a heading is no answer."""
SHORTEST_PART = 12
"""Characters that a contained text must have."""

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
_LONG_ENOUGH, _PIECES, _SHARED_PIECES = 60, 25, 0.25
_PIECE, _PIECE_UNSPACED = 8, 5
# At a similarity of 0.6 three quarters of the shingles are shared, so over half of such pieces are.
_UNSPACED = re.compile(UNSPACED)


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
            (rule, positive, how_similar)
            for positive in example.positives
            for rule, how_similar in _likeness(example.query, negative.text, positive.text)
        )
        gravest = min(likenesses, key=lambda likeness: _ORDER[likeness[0]], default=None)
        if gravest is not None:
            rule, positive, how_similar = gravest
            yield Suspect(rule, example, negative, positive, example.query, how_similar)


def _likeness(query: str, negative: str, positive: str) -> Iterator[tuple[str, float]]:
    """The rule under which a negative is like a positive, if any, and how similar they are."""
    first, second = _normalised(body(negative)), _normalised(body(positive))
    shorter, longer = sorted((first, second), key=len)
    if len(shorter) < PART * len(longer) or not _overlap(shorter, longer):
        return
    bodies, contained = similarity(first, second), len(shorter) >= SHORTEST_PART and shorter in longer
    if bodies < NEAR and not contained:
        return
    missing = lacks_what_is_asked(query, second, first)
    whole = similarity(negative, positive)
    if whole >= NEARLY_EQUAL and not missing and numbers(negative) == numbers(positive):
        yield "negative equals a positive", whole
    elif contained:
        yield "negative contains a positive", bodies
    elif not missing:
        yield "negative resembles a positive", bodies


def _overlap(shorter: str, longer: str) -> bool:
    """Whether enough pieces of the shorter text stand in the longer one; cheap, and true of all that is alike."""
    if len(shorter) < _LONG_ENOUGH:
        return True
    piece = _PIECE_UNSPACED if _UNSPACED.search(shorter) else _PIECE
    starts = range(0, len(shorter) - piece, len(shorter) // _PIECES)
    return sum(shorter[at : at + piece] in longer for at in starts) >= _SHARED_PIECES * len(starts)


@lru_cache(maxsize=10_000)
def _normalised(text: str) -> str:
    return normalised(text)


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
