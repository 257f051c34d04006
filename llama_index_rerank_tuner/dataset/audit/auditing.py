"""Running every rule over a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from llama_index_rerank_tuner.dataset.audit.advice import compare, size_findings
from llama_index_rerank_tuner.dataset.audit.balance import balance_findings, weigh
from llama_index_rerank_tuner.dataset.audit.counts import count
from llama_index_rerank_tuner.dataset.audit.duplicates import (
    duplicate_passages,
    near_duplicate_passages,
    near_duplicate_questions,
)
from llama_index_rerank_tuner.dataset.audit.easy_negatives import Retriever, easy_negative_findings
from llama_index_rerank_tuner.dataset.audit.false_negatives import false_negative_findings
from llama_index_rerank_tuner.dataset.audit.finding import Finding
from llama_index_rerank_tuner.dataset.audit.forms import Forms
from llama_index_rerank_tuner.dataset.audit.labels import label_findings
from llama_index_rerank_tuner.dataset.audit.length import measure
from llama_index_rerank_tuner.dataset.audit.near_search import NEAR_PASSAGES, NEAR_QUESTIONS, SEARCH_LIMIT, near_texts
from llama_index_rerank_tuner.dataset.audit.report import Audit, gravest_first
from llama_index_rerank_tuner.records import Passage, RerankExample


def audit(
    examples: Sequence[RerankExample],
    corpus: Sequence[Passage],
    *,
    validation: int | None = None,
    max_length: int = 512,
    count_tokens: Callable[[str], int] | None = None,
    retriever: Retriever | None = None,
    top_k: int = 30,
    near_limit: int = SEARCH_LIMIT,
    records: int = 20,
    seed: int = 0,
) -> Audit:
    """Count what a data set holds and find its faults.

    Args:
        examples: The questions to train on.
        corpus: Every passage.
        validation: Number of validation questions, for the advice; None where they are not known.
        max_length: Longest pair a model reads, in tokens.
        count_tokens: Number of tokens of a text; None for an estimate, which the report calls one.
        retriever: The app's retriever, to find negatives that it never returns; None to leave that out.
        top_k: The app's rerank depth: how many nodes of the retriever count.
        near_limit: Different texts searched for near duplicates at most; a sample beyond it (the report says so), 0 to
            leave the search out.
        records: How many records a finding names at most.
        seed: Draws the samples of a large set.
    """
    forms = Forms()
    counts = count(examples, len(corpus), forms)
    balance = weigh(examples)
    lengths, length_findings = measure(examples, max_length, count_tokens, seed, records)
    findings = [
        *label_findings(examples, forms, records),
        *_near_findings(examples, corpus, forms, near_limit, records, seed),
        *duplicate_passages(corpus, forms, records),
        *size_findings(counts, validation),
        *balance_findings(examples, balance, records),
        *length_findings,
    ]
    if retriever is not None:
        findings += easy_negative_findings(examples, retriever, top_k, forms, records, seed)
    return Audit(
        **asdict(counts),
        advice=compare(counts, validation),
        balance=balance,
        lengths=lengths,
        findings=gravest_first(findings),
    )


def _near_findings(
    examples: Sequence[RerankExample], corpus: Sequence[Passage], forms: Forms, limit: int, cap: int, seed: int
) -> Iterator[Finding]:
    """Near duplicates, and the false negatives that near-identical questions give away."""
    questions = near_texts((example.query for example in examples), NEAR_QUESTIONS, forms, limit, seed)
    yield from false_negative_findings(examples, forms, questions.pairs, cap)
    yield from near_duplicate_questions(examples, questions, cap)
    passages = near_texts((passage.text for passage in corpus), NEAR_PASSAGES, forms, limit, seed)
    yield from near_duplicate_passages(corpus, passages, cap)
