"""Components: groups of questions that a split has to keep on one side, joined where they share an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from llama_index_rerank_tuner.dataset.splitting.shared_answers import SharedAnswers
from llama_index_rerank_tuner.records import RerankExample


@dataclass(frozen=True, slots=True)
class Join:
    """Two questions for which their groups were joined: they ask the same and have the same answer.

    Args:
        groups: The two groups.
        query_ids: The two questions.
        queries: Their texts.
    """

    groups: tuple[str, str]
    query_ids: tuple[str, str]
    queries: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Components:
    """The groups of a data set, joined.

    Args:
        members: The groups of every component, sorted; the components sorted by their first group.
        sizes: Number of questions in every component.
        joins: Why groups were joined, one for every two groups that share an answer directly.
        near: Whether near duplicates were looked for; False where there are too many different texts.
    """

    members: tuple[tuple[str, ...], ...]
    sizes: tuple[int, ...]
    joins: tuple[Join, ...]
    near: bool


def join_groups(examples: Sequence[RerankExample], groups: Sequence[str]) -> Components:
    """Join the groups that hold the same question with the same answer (``SharedAnswers``).

    Args:
        examples: The questions.
        groups: The group of each.

    Example:
        >>> from llama_index_rerank_tuner.records import Passage
        >>> def question(id, query, answer):
        ...     return RerankExample(id, query, (Passage(answer),))
        >>> components = join_groups(
        ...     [
        ...         question("1", "What is the fee?", "The fee is 40 crowns for a year."),
        ...         question("2", "what's the fee", "The fee is 40 crowns for a year!"),
        ...         question("3", "What is the fee?", "Nothing is paid for a permit."),
        ...     ],
        ...     groups=["market", "stall", "permit"],
        ... )
        >>> components.members
        (('market', 'stall'), ('permit',))
    """
    # In the order of their ids, so that the joins that are named do not hang on the order of the questions.
    order = sorted(range(len(examples)), key=lambda place: examples[place].query_id)
    shared = SharedAnswers([examples[place] for place in order])
    joins: dict[tuple[str, str], Join] = {}
    for one, other in _links(shared):
        pair = sorted((order[one], order[other]), key=lambda place: (groups[place], examples[place].query_id))
        first, second = pair
        if groups[first] != groups[second]:
            joins.setdefault((groups[first], groups[second]), _join(examples, groups, first, second))
    members = _connected(sorted(set(groups)), list(joins))
    questions = Counter(groups)
    sizes = tuple(sum(questions[group] for group in component) for component in members)
    return Components(members, sizes, tuple(joins[pair] for pair in sorted(joins)), shared.near)


def _links(shared: SharedAnswers) -> Iterator[tuple[int, int]]:
    """Enough links to connect all that share an answer: the first of each meeting with all the others."""
    for ones, others in shared.meetings():
        for other in others:
            yield ones[0], other


def _join(examples: Sequence[RerankExample], groups: Sequence[str], first: int, second: int) -> Join:
    one, other = examples[first], examples[second]
    return Join((groups[first], groups[second]), (one.query_id, other.query_id), (one.query, other.query))


def _connected(groups: Sequence[str], links: Sequence[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    place = {group: index for index, group in enumerate(groups)}
    ends = np.array([(place[one], place[other]) for one, other in links], np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(len(groups), len(groups)))
    _, labels = connected_components(graph, directed=False)
    components: dict[int, list[str]] = {}
    for group, label in zip(groups, labels.tolist(), strict=True):
        components.setdefault(label, []).append(group)
    return tuple(map(tuple, components.values()))
