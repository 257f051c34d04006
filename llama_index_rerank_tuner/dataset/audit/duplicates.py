"""Exact and near duplicates among the questions and among the passages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from llama_index_rerank_tuner.dataset.audit.finding import Finding, RecordLink, found, link
from llama_index_rerank_tuner.dataset.audit.forms import Forms
from llama_index_rerank_tuner.dataset.audit.near_search import NearTexts
from llama_index_rerank_tuner.dataset.files.fields import shown
from llama_index_rerank_tuner.records import Passage, RerankExample


def duplicate_passages(corpus: Iterable[Passage], forms: Forms, cap: int) -> Iterator[Finding]:
    """One text under several ids, of which a label may name only one."""
    yield from found(
        "duplicate passage", "should look", _twins(corpus, forms), cap,
        "Passages that repeat another's text under an id of their own (label every copy, or keep one): {n}.",
    )  # fmt: skip


def near_duplicate_questions(examples: Sequence[RerankExample], near: NearTexts, cap: int) -> Iterator[Finding]:
    """Pairs of questions that differ in little; each pair is named once."""
    wanted = {text for first, second, _ in near.pairs for text in (first, second)}
    links = {example.query: link(example) for example in reversed(examples) if example.query in wanted}
    yield from found(
        "near-duplicate questions", "should look", _pair_links(near, links), cap,
        "Pairs of questions that are nearly the same (a split keeps those with the same answer on one side)"
        f"{near.scope}: {{n}}.",
    )  # fmt: skip
    yield from _sampled("questions", near)


def near_duplicate_passages(corpus: Sequence[Passage], near: NearTexts, cap: int) -> Iterator[Finding]:
    """Pairs of passages that differ in little; each pair is named once."""
    wanted = {text for first, second, _ in near.pairs for text in (first, second)}
    links = {passage.text: _passage_link(passage) for passage in reversed(corpus) if passage.text in wanted}
    yield from found(
        "near-duplicate passages", "note", _pair_links(near, links), cap,
        f"Pairs of passages that are nearly the same{near.scope}: {{n}}.",
    )  # fmt: skip
    yield from _sampled("passages", near)


def _sampled(what: str, near: NearTexts) -> Iterator[Finding]:
    if not near.searched and near.total:
        yield Finding(f"{what} not searched", "note", f"Near duplicates among {what} were not searched.", near.total)
    elif not near.complete:
        sentence = f"Near duplicates among {what} were searched{near.scope} only; there are more."
        yield Finding(f"{what} sampled", "note", sentence, near.total - near.searched)


def _twins(corpus: Iterable[Passage], forms: Forms) -> Iterator[RecordLink]:
    first: dict[int, str] = {}
    for passage in corpus:
        known = first.setdefault(forms(passage.text), passage.key)
        if known != passage.key:
            yield _passage_link(passage, f"the same text as {known!r}")


def _pair_links(near: NearTexts, links: dict[str, RecordLink]) -> Iterator[RecordLink]:
    for first, second, similarity in near.pairs:
        other = f"{shown(first)} is {similarity:.2f} similar to {shown(second)} ({links[second]})"
        yield links[first]._replace(other=other)


def _passage_link(passage: Passage, other: str | None = None) -> RecordLink:
    return RecordLink("corpus", None, passage.key, other)
