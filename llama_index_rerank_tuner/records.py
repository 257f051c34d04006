"""The plain records that the rooms hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Retrieved(NamedTuple):
    """Where a source ranked a passage: ``rank`` from 1, ``score`` on that source's own scale."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage.

    Four different numbers never share a field: ``label`` is a judgement, ``teacher_score`` a model's logit or another
    score to imitate, and ``retrieved`` holds each source's rank and score.

    Args:
        text: Its content: bare text, or a node's text under the metadata mode of the data set's ``TextContract``.
        node_id: Id of the node or document; None for bare text.
        label: Human or LLM judgement: 0 and 1, or graded; None when nobody judged.
        teacher_score: Score to imitate; None when there is none.
        retrieved: Source name (``bm25``, ``dense:<name>``, ``random``, ``given``) to its rank and score.
        group: Source document the passage was cut from; None when unknown.
        metadata: Anything else worth keeping, as JSON values (doubts of a mining guard, who labelled it).
    """

    text: str
    node_id: str | None = None
    label: float | None = None
    teacher_score: float | None = None
    retrieved: Mapping[str, Retrieved] = field(default_factory=dict)
    group: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What makes two passages the same one: the node id, or the text where there is none."""
        return self.node_id if self.node_id is not None else self.text


@dataclass(frozen=True, slots=True)
class RerankExample:
    """A query with its judged passages, and the retriever's real list where it is known.

    Args:
        query_id: Unique in its data set.
        query: The question.
        positives: Relevant passages, best grade first as given.
        negatives: Passages taught as not relevant.
        candidates: What the retriever really returned, in its order; None when it was never asked.
        group: Source document of the question: a split never puts one group on both sides.
        metadata: Anything else worth keeping (where the question came from, who labelled it).
        where: File and line it was read from, for error messages; not part of its identity.
    """

    query_id: str
    query: str
    positives: tuple[Passage, ...] = ()
    negatives: tuple[Passage, ...] = ()
    candidates: tuple[Passage, ...] | None = None
    group: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    where: str | None = field(default=None, compare=False)

    @property
    def place(self) -> str:
        """Where to look for it: the file and line, or the query itself."""
        return self.where or f"query {self.query_id!r} ({self.query[:60]!r})"

    @property
    def qrels(self) -> dict[str, int]:
        """Judged passages as trec qrels: key to whole-number grade (a positive counts at least 1)."""
        grades = {passage.key: 0 for passage in self.negatives}
        return grades | {passage.key: max(1, round(passage.label or 1)) for passage in self.positives}
