"""Lists for the warm start: passages with the retrievers' own scores to imitate, no label needed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset.nodes import passage_of
from llama_index_rerank_tuner.mining.candidates import candidate_lists
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import BaseNode

SHARPNESS = 5.0
"""Scale of one source's normalised score. Two sources span 0 to 10, which makes a softmax over 8 passages peaked."""


def imitation_lists(
    queries: Sequence[str],
    nodes: Sequence[BaseNode],
    retrievers: Mapping[str, BaseRetriever],
    contract: TextContract,
    *,
    top_k: int = 30,
    from_top: int = 5,
    at_random: int = 3,
    lists_per_query: int = 1,
    seed: int = 0,
) -> list[RerankExample]:
    """Make lists whose passages carry, as ``teacher_score``, the sum of the sources' scores.

    Every source's scores are brought to 0..1 within its list for the query; a passage the source did not return
    counts 0 there.

    Args:
        queries: Query texts, labelled or not.
        nodes: The nodes that the lists may hold.
        retrievers: Source name to retriever, asked deeper than ``top_k`` for a good scale.
        contract: How a node becomes text.
        top_k: Window that ``from_top`` passages are drawn from.
        from_top: Passages a list takes from the window.
        at_random: Passages a list takes from all the nodes.
        lists_per_query: Lists drawn for each query.
        seed: Same inputs and seed, same lists.

    Returns:
        Examples without labels, whose ``candidates`` are the lists. A query with under two passages gets none.
    """
    allowed = {node.node_id for node in nodes}
    pool = [passage_of(node, contract) for node in sorted(nodes, key=lambda node: node.node_id)]
    found = candidate_lists(queries, retrievers, contract)
    lists = []
    for index, (query, retrieved) in enumerate(zip(queries, found, strict=True)):
        scored = sorted(_with_teacher_scores(retrieved), key=lambda passage: -(passage.teacher_score or 0.0))
        top = [passage for passage in scored if passage.key in allowed][:top_k]
        known = {passage.key: passage for passage in scored}
        for draw in range(lists_per_query):
            rng = random.Random(f"{seed}:{index}:{draw}:{query}")
            chosen = {p.key: p for p in rng.sample(top, min(from_top, len(top)))}
            for passage in rng.sample(pool, min(at_random, len(pool))):
                chosen.setdefault(passage.key, known.get(passage.key, replace(passage, teacher_score=0.0)))
            if len(chosen) > 1:
                lists.append(RerankExample(f"imitation-{index}-{draw}", query, candidates=tuple(chosen.values())))
    return lists


def _with_teacher_scores(found: Sequence[Passage]) -> list[Passage]:
    sources = sorted({source for passage in found for source in passage.retrieved})
    ranges = {source: _range(found, source) for source in sources}
    return [
        replace(passage, teacher_score=fsum(_normalised(passage, source, ranges[source]) for source in sources))
        for passage in found
    ]


def _range(found: Sequence[Passage], source: str) -> tuple[float, float]:
    scores = [passage.retrieved[source].score for passage in found if source in passage.retrieved]
    return min(scores), max(scores)


def _normalised(passage: Passage, source: str, bounds: tuple[float, float]) -> float:
    if source not in passage.retrieved:
        return 0.0
    low, high = bounds
    return SHARPNESS * ((passage.retrieved[source].score - low) / (high - low) if high > low else 1.0)
