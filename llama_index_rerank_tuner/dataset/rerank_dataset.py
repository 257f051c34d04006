"""``RerankDataset``: labelled questions, and the passages they are asked over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from llama_index_rerank_tuner.dataset import formats
from llama_index_rerank_tuner.dataset.audit import Audit, RepairReport, audit, repair
from llama_index_rerank_tuner.dataset.audit.near_search import SEARCH_LIMIT
from llama_index_rerank_tuner.dataset.coerce import coerce_records
from llama_index_rerank_tuner.dataset.formats.registry import format_named, recognised
from llama_index_rerank_tuner.dataset.gathering import gathered, identified
from llama_index_rerank_tuner.dataset.nodes import examples_of_questions, node_of, passage_of
from llama_index_rerank_tuner.dataset.splitting.split import (
    Size,
    Split,
    SplitBy,
    assign_sides,
    teachable,
    training_corpus,
)
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode, TextNode

    from llama_index_rerank_tuner.dataset.audit.easy_negatives import Retriever

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
        questions, passages = identified(examples, corpus)
        if not questions:
            raise DataError("dataset", "it holds no question", "Give at least one query with a relevant passage.")
        seen: set[str] = set()
        for example in questions:
            if example.query_id in seen:
                raise DataError(example.place, f"the query id {example.query_id!r} stands twice", "Make ids unique.")
            seen.add(example.query_id)
        return cls(tuple(questions), gathered(passages, questions), contract or TextContract("none"))

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
    def from_records(cls, records: Any) -> RerankDataset:
        """Take labelled data as it comes.

        Args:
            records: Our examples; triple, group or Cohere dicts; the incumbent's sample objects; a ``datasets.Dataset``
                in one of sentence-transformers' layouts; or an ``EmbeddingQAFinetuneDataset``.
        """
        return cls.build(*coerce_records(records))

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
    def load(cls, path: str | Path, group_key: str | None = None, *, format: str | None = None) -> RerankDataset:
        """Read a file or a folder in any format that is known.

        Args:
            path: The file or folder.
            group_key: Metadata key of the source document, in a BEIR folder.
            format: ``triples``, ``groups``, ``beir``, ``msmarco``, ``embedding_qa``, ``cohere`` or ``sheet``; None
                recognises it by its file names or its first record.

        Raises:
            DataError: It is in none of them, or a record cannot be used.
            ConfigError: There is no such format.
        """
        path = Path(path)
        format = format or recognised(path)
        if format == "beir":
            return cls.from_beir(path, group_key=group_key)
        examples, corpus = format_named(format).read(path)
        return cls.build(_not_empty(path, examples), corpus)

    def save(self, path: str | Path, format: str) -> None:
        """Write the data set in one of the formats that ``load`` reads; what a format has no place for is left out.

        Raises:
            DataError: A record cannot be written in this format.
            ConfigError: There is no such format.
        """
        format_named(format).write(self.examples, self.corpus, Path(path))

    def to_triples(self, path: str | Path) -> None:
        """Write the judged pairs as triples JSONL."""
        formats.write_triples(self.examples, path)

    def to_groups(self, path: str | Path) -> None:
        """Write the questions as groups JSONL, with ids, sources and candidates."""
        formats.write_groups(self.examples, path)

    def audit(
        self,
        *,
        validation: RerankDataset | None = None,
        retriever: Retriever | None = None,
        top_k: int = 30,
        max_length: int | None = None,
        count_tokens: Callable[[str], int] | None = None,
        near_limit: int = SEARCH_LIMIT,
        records: int = 20,
        seed: int = 0,
    ) -> Audit:
        """Counts, balance, size against the advice, and the faults with the records they stand in.

        Args:
            validation: The validation questions, for the advice on sizes.
            retriever: The app's retriever, to find negatives that it never returns; None to leave that out.
            top_k: The app's rerank depth: how many nodes of the retriever count.
            max_length: Longest pair in tokens; None for the contract's.
            count_tokens: Number of tokens of a text; None for an estimate, which the report calls one.
            near_limit: Different texts searched for near duplicates at most; a sample beyond it (the report says so),
                0 to leave the search out.
            records: How many records a finding names at most.
            seed: Draws the samples of a large set.

        Example:
            >>> audit = RerankDataset.from_records([
            ...     {"query": "Who may apply?", "pos": ["Small firms may apply."], "neg": ["small firms may apply"]},
            ... ]).audit()
            >>> audit.must_fix[0].sentence
            'Negatives that are also marked relevant for the same question: 1.'
        """
        return audit(
            self.examples,
            self.corpus,
            validation=None if validation is None else len(validation),
            retriever=retriever,
            top_k=top_k,
            max_length=max_length if max_length is not None else self.contract.max_length,
            count_tokens=count_tokens,
            near_limit=near_limit,
            records=records,
            seed=seed,
        )

    def repair(self) -> tuple[RerankDataset, RepairReport]:
        """Apply the safe fixes; the corpus stays as it is.

        Repeated questions of one source document are merged, repeated pairs dropped; a negative that is marked relevant
        for the same question, or is nearly word for word a positive of it, is dropped; so are questions without a
        positive. Nothing else is touched, and repairing twice changes nothing.

        Returns:
            The repaired data set, and every record that was dropped, moved or relabelled, with the reason.

        Raises:
            DataError: No question has a positive.

        Example:
            >>> dataset = RerankDataset.from_records([
            ...     {"query": "Who may apply?", "pos": ["Small firms."], "neg": ["small firms", "The form is AP-2."]},
            ... ])
            >>> repaired, report = dataset.repair()
            >>> len(repaired[0].negatives), report.counts()
            (1, {'dropped: also marked relevant for the question': 1})
        """
        examples, report = repair(self.examples)
        return self.with_examples(examples), report

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

    def split(
        self, val: Size = 0.1, test: Size = 0.2, seed: int = 0, *, train: Size | None = None, by: SplitBy = "group"
    ) -> Split:
        """Cut by source document, before mining.

        The same question with the same answer never stands on two sides, nor does a near duplicate of it: source
        documents that share one are joined first. The split's ``report`` says what was joined, and how near the sizes
        came to those asked for.

        Args:
            val: Share (a float under 1) or number (an int) of questions to validate on.
            test: Share or number of questions to test on.
            seed: Same seed, same split, whatever the order of the questions.
            train: Share or number of questions to train on, the others are left out; None for all that remain.
            by: ``group`` keeps source documents whole; ``query`` cuts through them, for questions over one corpus of
                laws or abstracts. A data set that names no source document is split by query.

        Raises:
            ConfigError: The sizes ask for more than there is, or leave nothing to train on.
            DataError: There are too few source documents for the sides.
        """
        sides, report = assign_sides(self.examples, train, val, test, by, seed)
        if by == "group" and report.unit == "query":
            logger.warning(
                "No question names its source document, so the split is by question: questions about one passage can "
                "stand on both sides, and intervals take every question as independent."
            )
        learning, validation, testing = (
            tuple(e for e, given in zip(self.examples, sides, strict=True) if given == side)
            for side in ("train", "val", "test")
        )
        corpus = training_corpus(self.corpus, validation + testing, whole_groups=by == "group")
        return Split(
            train=replace(self, examples=teachable(learning, corpus), corpus=corpus),
            val=replace(self, examples=validation),
            test=replace(self, examples=testing),
            report=report,
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
