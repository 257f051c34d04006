"""Faults of the labels that ``repair()`` mends: the rules, shared by the audit and the repair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from llama_index_rerank_tuner.dataset.audit.finding import Finding, RecordLink, found, link
from llama_index_rerank_tuner.dataset.audit.forms import Forms
from llama_index_rerank_tuner.dataset.files.fields import shown
from llama_index_rerank_tuner.records import Passage, RerankExample


def repeated_positives(example: RerankExample) -> list[Passage]:
    """Later copies of a positive under the same id.

    One text under two ids is no repetition: both nodes are in the corpus, and an answer by either is right.
    """
    return _later_copies(example.positives, [passage.key for passage in example.positives])


def repeated_negatives(example: RerankExample, forms: Forms) -> list[Passage]:
    """Later copies of a negative, whatever their ids."""
    return _later_copies(example.negatives, [forms(passage.text) for passage in example.negatives])


def contradicting_negatives(example: RerankExample, forms: Forms, positive_pairs: set[int]) -> list[Passage]:
    """Negatives that are marked relevant for the same question, here or in another record."""
    return [passage for passage in example.negatives if forms.pair(example, passage) in positive_pairs]


def same_question(examples: Iterable[RerankExample], forms: Forms) -> list[list[RerankExample]]:
    """Records that ask the same question of the same source document, gathered; in order of appearance."""
    gathered: defaultdict[tuple[int, str | None], list[RerankExample]] = defaultdict(list)
    for example in examples:
        gathered[forms(example.query), example.group].append(example)
    return list(gathered.values())


def label_findings(examples: Sequence[RerankExample], forms: Forms, cap: int) -> Iterator[Finding]:
    """Contradictions, repetitions, and questions that lack one side."""
    yield from found(
        "no positive", "must fix", (link(e) for e in examples if not e.positives), cap,
        "Questions without a relevant passage, on which nothing can be learned or measured: {n}.",
    )  # fmt: skip
    yield from found(
        "contradiction", "must fix", _contradictions(examples, forms), cap,
        "Negatives that are also marked relevant for the same question: {n}.",
    )  # fmt: skip
    yield from found(
        "repeated pair", "must fix", _repetitions(examples, forms), cap,
        "Passages that stand twice with the same label under one question, and weigh double: {n}.",
    )  # fmt: skip
    yield from found(
        "repeated question", "must fix", _repeated_questions(examples, forms), cap,
        "Records that repeat a question of the same source document: {n}.",
    )  # fmt: skip
    yield from found(
        "question of several documents", "should look", _generic_questions(examples, forms), cap,
        "Records that ask another source document the same words (too generic to rank on?): {n}.",
    )  # fmt: skip
    without = [e for e in examples if not e.negatives]
    fix = "mine them with HardNegativeDatasetGenerator" if len(without) == len(examples) else "mine or leave them out"
    yield from found(
        "no negative", "note", map(link, without), cap, "Questions without an irrelevant passage (" + fix + "): {n}."
    )


def _contradictions(examples: Sequence[RerankExample], forms: Forms) -> Iterator[RecordLink]:
    positive_pairs = forms.positive_pairs(examples)
    clashes = [(e, p) for e in examples for p in contradicting_negatives(e, forms, positive_pairs)]
    wanted = {forms.pair(example, passage) for example, passage in clashes}
    marked = {forms.pair(e, p): e.place for e in examples for p in e.positives if forms.pair(e, p) in wanted}
    for example, passage in clashes:
        yield link(example, passage, f"relevant in {marked[forms.pair(example, passage)]}")


def _repetitions(examples: Iterable[RerankExample], forms: Forms) -> Iterator[RecordLink]:
    for example in examples:
        for passage in repeated_positives(example):
            yield link(example, passage, "relevant twice")
        for passage in repeated_negatives(example, forms):
            yield link(example, passage, "irrelevant twice")


def _repeated_questions(examples: Iterable[RerankExample], forms: Forms) -> Iterator[RecordLink]:
    for first, *later in same_question(examples, forms):
        for example in later:
            yield link(example, other=f"{shown(example.query)} is asked first in {first.place}")


def _generic_questions(examples: Sequence[RerankExample], forms: Forms) -> Iterator[RecordLink]:
    first: dict[int, RerankExample] = {}
    for example in examples:
        known = first.setdefault(forms(example.query), example)
        if known.group != example.group:
            yield link(example, other=f"{shown(example.query)} is asked of {known.group!r} in {known.place}")


def _later_copies(passages: Iterable[Passage], keys: Iterable[object]) -> list[Passage]:
    seen: set[object] = set()
    copies = []
    for passage, key in zip(passages, keys, strict=True):
        if key in seen:
            copies.append(passage)
        seen.add(key)
    return copies
