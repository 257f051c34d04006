"""Too-easy negatives: those that the retriever in use would never hand to the reranker."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from llama_index_rerank_tuner.dataset.audit.finding import Finding, RecordLink, found, link
from llama_index_rerank_tuner.dataset.audit.forms import Forms
from llama_index_rerank_tuner.records import RerankExample

QUESTIONS_ASKED = 2_000
"""Questions the retriever is asked, at most; of more, a sample is asked, and the report says so."""
MANY = 0.5
"""From this share of too-easy negatives on a person should look."""


class Retriever(Protocol):
    """Anything with LlamaIndex's ``retrieve``."""

    def retrieve(self, query: str, /) -> Sequence[Any]:
        """The nodes found for a query, each with ``.node``, best first."""


def easy_negative_findings(
    examples: Sequence[RerankExample], retriever: Retriever, top_k: int, forms: Forms, cap: int, seed: int
) -> Iterator[Finding]:
    """Negatives that the retriever does not return among its first ``top_k``.

    Args:
        examples: The questions.
        retriever: The retriever of the app.
        top_k: The rerank depth of the app.
        forms: Numbers texts by normal form.
        cap: How many records a finding names.
        seed: Draws the sample.
    """
    with_negatives = [example for example in examples if example.negatives]
    asked = with_negatives
    if len(with_negatives) > QUESTIONS_ASKED:
        asked = random.Random(seed).sample(with_negatives, QUESTIONS_ASKED)
    easy = [each for example in asked for each in _not_retrieved(example, retriever, top_k, forms)]
    negatives = sum(len(example.negatives) for example in asked)
    scope = "" if asked is with_negatives else f", in a sample of {len(asked):,} of {len(with_negatives):,} questions"
    yield from found(
        "too-easy negative", "should look" if len(easy) >= MANY * negatives else "note", easy, cap,
        f"Negatives that are not among the retriever's first {top_k}, so that the reranker will never see them: "
        f"{{n}} of {negatives:,}{scope}.",
    )  # fmt: skip


def _not_retrieved(example: RerankExample, retriever: Retriever, top_k: int, forms: Forms) -> Iterator[RecordLink]:
    nodes = [found_node.node for found_node in retriever.retrieve(example.query)[:top_k]]
    ids = {node.node_id for node in nodes}
    texts = {forms(node.get_content()) for node in nodes}
    for negative in example.negatives:
        if negative.key not in ids and forms(negative.text) not in texts:
            yield link(example, negative)
