"""Balance over question types, source documents and languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llama_index_rerank_tuner.dataset.audit.finding import Finding, found, link
from llama_index_rerank_tuner.dataset.audit.questions import language, question_type
from llama_index_rerank_tuner.records import RerankExample

DOCUMENTS_SHOWN = 10
ENOUGH_QUESTIONS = 20
"""Under so many questions a share says nothing."""
ONE_TYPE = 0.8
ONE_DOCUMENT = 0.3
RARE_LANGUAGE = 0.05


@dataclass(frozen=True, slots=True)
class Balance:
    """How the questions are spread.

    Args:
        question_types: Question word to number of questions, most frequent first.
        languages: Language of the question (by its script) to number of questions, most frequent first.
        documents: Source document to number of questions, the ten largest.
        without_document: Number of questions that name no source document.
    """

    question_types: Mapping[str, int]
    languages: Mapping[str, int]
    documents: Mapping[str, int]
    without_document: int

    def to_dict(self) -> dict[str, Any]:
        """The figures for a JSON report."""
        return {
            "question_types": dict(self.question_types),
            "languages": dict(self.languages),
            "largest_documents": dict(self.documents),
            "without_document": self.without_document,
        }


def weigh(examples: Sequence[RerankExample]) -> Balance:
    """Count questions by type, language and source document."""
    documents = Counter(example.group for example in examples if example.group is not None)
    return Balance(
        question_types=dict(Counter(question_type(example.query) for example in examples).most_common()),
        languages=dict(Counter(language(example.query) for example in examples).most_common()),
        documents=dict(documents.most_common(DOCUMENTS_SHOWN)),
        without_document=len(examples) - documents.total(),
    )


def balance_findings(examples: Sequence[RerankExample], balance: Balance, cap: int) -> Iterator[Finding]:
    """Where the questions lean to one side."""
    if balance.without_document == len(examples):
        sentence = "No question names its source document: a split can only be by question."
        yield Finding("no source documents", "note", sentence, len(examples))
    if len(examples) < ENOUGH_QUESTIONS:
        return
    yield from _one_type(balance, len(examples))
    yield from _one_document(balance, len(examples))
    yield from _rare_languages(examples, balance, cap)


def _one_type(balance: Balance, questions: int) -> Iterator[Finding]:
    kind, count = next(iter(balance.question_types.items()))
    if count >= ONE_TYPE * questions:
        yield Finding("one question type", "note", f"{count / questions:.0%} of the questions: {kind}.", count)


def _one_document(balance: Balance, questions: int) -> Iterator[Finding]:
    if len(balance.documents) < 2:
        return
    name, count = next(iter(balance.documents.items()))
    if count >= max(ONE_DOCUMENT, 2 / len(balance.documents)) * questions:
        sentence = f"{count / questions:.0%} of the questions come from one source document, {name!r}."
        yield Finding("one source document", "should look", sentence, count)


def _rare_languages(examples: Sequence[RerankExample], balance: Balance, cap: int) -> Iterator[Finding]:
    rare = {name for name, count in balance.languages.items() if count < RARE_LANGUAGE * len(examples)}
    links = (link(each, other=name) for each in examples if rare and (name := language(each.query)) in rare)
    main = next(iter(balance.languages))
    sentence = "Questions in a language that few others are in (most: " + main + "): {n}."
    yield from found("rare language", "note", links, cap, sentence)
