"""Questions that are asked twice with the same answer: what may not stand on both sides of a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from llama_index_rerank_tuner.dataset.likeness.near_duplicates import (
    NearPair,
    near_duplicate_pairs,
    near_queries,
    normalised,
)
from llama_index_rerank_tuner.records import RerankExample

MOST_COMPARED = 50_000
"""Different queries, or different positives, beyond which only the same normal forms are found, not the near ones."""


class Asked(NamedTuple):
    """A question with one of its answers, both in normal form."""

    query: str
    answer: str


class SharedAnswers:
    """The questions of a data set by what they ask and what answers it.

    Two questions share an answer when their queries are the same or nearly the same (``same_question``) and one has a
    positive that is the same as, or nearly the same as, a positive of the other (similarity 0.8). The same query with
    other positives shares nothing: "What are the results?" is asked of many documents.

    Args:
        examples: The questions.
        seed: Same seed, same candidates.

    Attributes:
        near: Whether near duplicates were looked for; with too many different texts only the same ones are.
    """

    def __init__(self, examples: Sequence[RerankExample], seed: int = 0) -> None:
        self.queries = [normalised(example.query) for example in examples]
        different = sorted(set(self.queries))
        self.near = len(different) <= MOST_COMPARED
        self._near_queries = _neighbours(different, near_queries(different, seed) if self.near else [])
        answers = {i: _answers(examples[i]) for i in self._asked_again()}
        positives = sorted(set(chain.from_iterable(answers.values())))
        compared = self.near and len(positives) <= MOST_COMPARED
        self.near = compared
        self._near_answers = _neighbours(positives, near_duplicate_pairs(positives, seed=seed) if compared else [])
        self._places: dict[Asked, list[int]] = {}
        for place, texts in answers.items():
            for text in texts:
                self._places.setdefault(Asked(self.queries[place], text), []).append(place)

    def _asked_again(self) -> list[int]:
        """The places of the questions that another one resembles: only their answers need a look."""
        times: dict[str, int] = {}
        for query in self.queries:
            times[query] = times.get(query, 0) + 1
        return [i for i, query in enumerate(self.queries) if times[query] > 1 or self._near_queries.get(query)]

    def same_questions(self, query: str) -> set[str]:
        """The normal forms that ask what a normal form asks, itself among them."""
        return {query, *self._near_queries.get(query, ())}

    def meetings(self) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
        """Places of questions that share an answer, as two lists: each of the first with each of the second.

        The lists are one and the same for questions whose query and answer are equal in normal form.
        """
        for asked, places in self._places.items():
            yield places, places
            for query in self.same_questions(asked.query):
                for answer in {asked.answer, *self._near_answers.get(asked.answer, ())}:
                    other = Asked(query, answer)
                    if asked < other and other in self._places:
                        yield places, self._places[other]


def _answers(example: RerankExample) -> set[str]:
    return {normalised(passage.text) for passage in example.positives}


def _neighbours(texts: Sequence[str], pairs: Sequence[NearPair]) -> Mapping[str, list[str]]:
    neighbours: dict[str, list[str]] = {}
    for first, second, _ in pairs:
        neighbours.setdefault(texts[first], []).append(texts[second])
        neighbours.setdefault(texts[second], []).append(texts[first])
    return neighbours
