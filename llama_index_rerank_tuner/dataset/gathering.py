"""Giving every passage an id, and gathering the corpus that a data set's questions name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample


def identified(
    examples: Iterable[RerankExample], corpus: Iterable[Passage]
) -> tuple[list[RerankExample], list[Passage]]:
    """The same questions and passages, each passage with an id: its own, or a hash of its text.

    Passages that are one object stay one, so that a large set takes no more memory than it did. A question without a
    group gets that of its first positive, where one is known.
    """
    named = _Named()
    return [_named_example(example, named) for example in examples], [named(passage) for passage in corpus]


def gathered(corpus: Iterable[Passage], examples: Sequence[RerankExample]) -> tuple[Passage, ...]:
    """Every passage once, without judgement: the corpus, then what only the questions name.

    Raises:
        DataError: One passage id stands for two texts.
    """
    found: dict[str, Passage] = {}
    for passage in corpus:
        _gather(found, passage)
    for example in examples:
        for passage in (*example.positives, *example.negatives, *(example.candidates or ())):
            _gather(found, passage)
    return tuple(found.values())


class _Named:
    """Gives passages ids; remembers those it has seen, and keeps them alive so that ``id()`` stays theirs."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Passage, Passage]] = {}

    def __call__(self, passage: Passage) -> Passage:
        if passage.node_id is not None:
            return passage
        if id(passage) not in self._seen:
            digest = hashlib.sha256(passage.text.encode()).hexdigest()[:16]
            self._seen[id(passage)] = (passage, replace(passage, node_id=digest))
        return self._seen[id(passage)][1]


def _named_example(example: RerankExample, named: _Named) -> RerankExample:
    of_answer = next((passage.group for passage in example.positives if passage.group is not None), None)
    return replace(
        example,
        group=example.group if example.group is not None else of_answer,
        positives=tuple(map(named, example.positives)),
        negatives=tuple(map(named, example.negatives)),
        candidates=None if example.candidates is None else tuple(map(named, example.candidates)),
    )


def _gather(found: dict[str, Passage], passage: Passage) -> None:
    known = found.get(passage.key)
    if known is None:
        found[passage.key] = Passage(passage.text, node_id=passage.node_id, group=passage.group)
        return
    if known.text != passage.text:
        raise DataError(
            f"passage {passage.key!r}",
            f"the id stands for two texts ({known.text[:40]!r} and {passage.text[:40]!r})",
            "Give every passage an id of its own.",
        )
    if known.group is None and passage.group is not None:
        found[passage.key] = replace(known, group=passage.group)
