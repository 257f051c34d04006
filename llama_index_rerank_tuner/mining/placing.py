"""From the sources' answers to places: at which rank and score each source has each node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import groupby

from llama_index_rerank_tuner.mining.asking import Answer
from llama_index_rerank_tuner.records import Retrieved

Places = Mapping[str, Retrieved]


def placed(answers: Mapping[str, Answer], oddities: Counter[str] | None = None) -> dict[str, Places]:
    """Node id to its place in each source, nodes in the order of their best rank.

    A node that a source returns twice keeps its first place. Nodes that a source scores alike stand by id, so that the
    order in which an index was built makes no difference. A node without a score counts 0.

    Args:
        answers: Source name to its answer for one query.
        oddities: Counts nodes returned twice or without a score, and answers that are empty.
    """
    oddities = Counter() if oddities is None else oddities
    places: dict[str, dict[str, Retrieved]] = {}
    for source, answer in answers.items():
        if not answer.found and answer.problem is None:
            oddities[f"{source}: nothing found"] += 1
        for node_id, place in _ranked(source, answer, oddities):
            places.setdefault(node_id, {})[source] = place
    return dict(sorted(places.items(), key=lambda each: min(place.rank for place in each[1].values())))


def _ranked(source: str, answer: Answer, oddities: Counter[str]) -> list[tuple[str, Retrieved]]:
    first: dict[str, tuple[int, float | None]] = {}
    for rank, (node_id, score) in enumerate(answer.found, start=1):
        if node_id in first:
            oddities[f"{source}: a node returned twice"] += 1
        else:
            first[node_id] = (rank, score)
            oddities.update([f"{source}: a node without a score"] if score is None else [])
    ranked: list[tuple[str, Retrieved]] = []
    for score, tied in groupby(first, key=lambda node_id: first[node_id][1]):
        node_ids = list(tied)
        ranks = [first[node_id][0] for node_id in node_ids]
        in_order = node_ids if score is None else sorted(node_ids)
        ranked += [(node_id, Retrieved(rank, score or 0.0)) for node_id, rank in zip(in_order, ranks, strict=True)]
    return ranked
