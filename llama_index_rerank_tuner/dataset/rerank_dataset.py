"""``RerankDataset``: labelled questions, and the passages they are asked over."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from llama_index_rerank_tuner.dataset import formats
from llama_index_rerank_tuner.dataset.audit import Audit, audit
from llama_index_rerank_tuner.dataset.coerce import coerce_examples
from llama_index_rerank_tuner.dataset.formats.lines import read_records
from llama_index_rerank_tuner.dataset.nodes import examples_of_questions, node_of, passage_of
from llama_index_rerank_tuner.dataset.split import Size, Split, assign_groups, group_of, teachable, training_corpus
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode, TextNode

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RerankDataset:
    """Questions with judged passages, over a corpus.

    Make one with a ``from_...`` constructor. Every passage has an id: one that came without gets a hash of its text. A
    question without a group belongs to the source document of its first positive, where that is known.

    Args:
        examples: The questions, in order.
        corpus: Every passage, each once, in order.
        contract: How the passages' text was made: ``none`` for bare strings.

    Example:
        >>> dataset = RerankDataset.from_records([
        ...     {"query": "Who may apply?", "passage": "Firms under 50 staff may apply.", "score": 1},
        ...     {"query": "Who may apply?", "passage": "The form is AP-2.", "score": 0},
        ... ])
        >>> len(dataset), len(dataset.corpus), dataset.audit().ratio
        (1, 2, 1.0)
    """

    examples: tuple[RerankExample, ...]
    corpus: tuple[Passage, ...]
    contract: TextContract

    @classmethod
    def build(
        cls,
        examples: Iterable[RerankExample],
        corpus: Iterable[Passage] = (),
        contract: TextContract | None = None,
    ) -> RerankDataset:
        """Check examples, give every passage an id, and gather the corpus.

        Args:
            examples: The questions.
            corpus: Passages beyond those that the questions name.
            contract: How the passages' text was made; None for bare strings.

        Raises:
            DataError: There is no question, a query id stands twice, or one passage id stands for two texts.
        """
        identified = tuple(_with_ids(example) for example in examples)
        if not identified:
            raise DataError("dataset", "it holds no question", "Give at least one query with a relevant passage.")
        seen: set[str] = set()
        for example in identified:
            if example.query_id in seen:
                raise DataError(example.place, f"the query id {example.query_id!r} stands twice", "Make ids unique.")
            seen.add(example.query_id)
        return cls(identified, _gather(corpus, identified), contract or TextContract("none"))

    @classmethod
    def from_triples(cls, path: str | Path) -> RerankDataset:
        """Read ``{"query", "passage", "score"}`` records from a JSON list or JSONL file."""
        return cls.build(_not_empty(path, formats.read_triples(path)))

    @classmethod
    def from_groups(cls, path: str | Path, contract: TextContract | None = None) -> RerankDataset:
        """Read ``{"query", "pos", "neg"}`` records from a JSONL file.

        Args:
            path: The file.
            contract: How its texts were made, where they came from nodes; None for bare strings.
        """
        return cls.build(_not_empty(path, formats.read_groups(path)), contract=contract)

    @classmethod
    def from_beir(cls, folder: str | Path, qrels: str | None = None, group_key: str | None = None) -> RerankDataset:
        """Read a BEIR folder; ``group_key`` names the metadata key of the source document."""
        examples, corpus = formats.read_beir(folder, qrels, group_key)
        return cls.build(_not_empty(folder, examples), corpus)

    @classmethod
    def from_records(cls, records: Iterable[Any]) -> RerankDataset:
        """Take records as they come: our examples, triple or group dicts, or the incumbent's sample objects."""
        return cls.build(coerce_examples(records))

    @classmethod
    def from_nodes(
        cls, nodes: Sequence[BaseNode], questions: Iterable[Mapping[str, Any]], contract: TextContract | None = None
    ) -> RerankDataset:
        """Labelled questions over LlamaIndex nodes.

        Args:
            nodes: The nodes that the app retrieves from.
            questions: ``{"query": ..., "relevant_ids": [node ids]}``.
            contract: How a node becomes text; None for the default (EMBED, as LlamaIndex's own rerankers).
        """
        contract = contract or TextContract()
        passages = [passage_of(node, contract) for node in nodes]
        return cls.build(examples_of_questions(passages, questions), passages, contract)

    @classmethod
    def load(cls, path: str | Path, group_key: str | None = None) -> RerankDataset:
        """Read a BEIR folder, a triples file or a groups file, whichever it is.

        Raises:
            DataError: It is none of them.
        """
        path = Path(path)
        if path.is_dir():
            return cls.from_beir(path, group_key=group_key)
        _, first = next(read_records(path), ("", {"query": "", "passage": ""}))
        return cls.from_groups(path) if "pos" in first else cls.from_triples(path)

    def to_triples(self, path: str | Path) -> None:
        """Write the judged pairs as triples JSONL."""
        formats.write_triples(self.examples, path)

    def to_groups(self, path: str | Path) -> None:
        """Write the questions as groups JSONL, with ids, sources and candidates."""
        formats.write_groups(self.examples, path)

    def audit(self) -> Audit:
        """Counts, ratio, duplicates and contradictions."""
        return audit(self.examples, len(self.corpus))

    def require_positives(self) -> None:
        """Refuse a data set with a question that has no relevant passage.

        Raises:
            DataError: Names the first such question.
        """
        for example in self.examples:
            if not example.positives:
                raise DataError(
                    example.place, "the query has no positive passage", "Give it one (score 1), or remove the query."
                )

    def split(self, val: Size = 0.1, test: Size = 0.2, seed: int = 0) -> Split:
        """Cut by source document, before mining.

        Args:
            val: Share (a float under 1) or number (an int) of questions to validate on.
            test: Share or number of questions to test on.
            seed: Same seed, same split.
        """
        if all(example.group is None for example in self.examples):
            logger.warning(
                "No question names its source document, so the split is by question: questions about one passage can "
                "stand on both sides, and intervals take every question as independent."
            )
        sides = assign_groups(self.examples, val, test, seed)
        train, validation, testing = (
            tuple(e for e in self.examples if sides[group_of(e)] == side) for side in ("train", "val", "test")
        )
        corpus = training_corpus(self.corpus, validation + testing)
        return Split(
            train=replace(self, examples=teachable(train, corpus), corpus=corpus),
            val=replace(self, examples=validation),
            test=replace(self, examples=testing),
        )

    def with_examples(self, examples: Iterable[RerankExample]) -> RerankDataset:
        """The same corpus and contract with other examples."""
        return replace(self, examples=tuple(examples))

    def nodes(self) -> list[TextNode]:
        """The corpus as LlamaIndex nodes."""
        return [node_of(passage) for passage in self.corpus]

    def __len__(self) -> int:
        """Number of questions."""
        return len(self.examples)

    def __iter__(self) -> Iterator[RerankExample]:
        """The questions, in order."""
        return iter(self.examples)

    @overload
    def __getitem__(self, index: int) -> RerankExample: ...
    @overload
    def __getitem__(self, index: slice) -> RerankDataset: ...
    def __getitem__(self, index: int | slice) -> RerankExample | RerankDataset:
        """One question, or a slice of them over the same corpus."""
        return self.examples[index] if isinstance(index, int) else self.with_examples(self.examples[index])


def _not_empty(path: str | Path, examples: Sequence[RerankExample]) -> Sequence[RerankExample]:
    if not examples:
        raise DataError(str(path), "it holds no record", "Give at least one query with a relevant passage.")
    return examples


def _with_ids(example: RerankExample) -> RerankExample:
    candidates = None if example.candidates is None else tuple(map(_with_id, example.candidates))
    of_answer = next((passage.group for passage in example.positives if passage.group is not None), None)
    return replace(
        example,
        group=example.group if example.group is not None else of_answer,
        positives=tuple(map(_with_id, example.positives)),
        negatives=tuple(map(_with_id, example.negatives)),
        candidates=candidates,
    )


def _with_id(passage: Passage) -> Passage:
    if passage.node_id is not None:
        return passage
    return replace(passage, node_id=hashlib.sha256(passage.text.encode()).hexdigest()[:16])


def _gather(corpus: Iterable[Passage], examples: Sequence[RerankExample]) -> tuple[Passage, ...]:
    gathered: dict[str, Passage] = {}
    named = (p for e in examples for p in (*e.positives, *e.negatives, *(e.candidates or ())))
    for passage in (*map(_with_id, corpus), *named):
        known = gathered.setdefault(passage.key, Passage(passage.text, node_id=passage.node_id, group=passage.group))
        if known.group is None and passage.group is not None:
            gathered[passage.key] = replace(known, group=passage.group)
        if known.text != passage.text:
            raise DataError(
                f"passage {passage.key!r}",
                f"the id stands for two texts ({known.text[:40]!r} and {passage.text[:40]!r})",
                "Give every passage an id of its own.",
            )
    return tuple(gathered.values())
