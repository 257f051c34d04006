"""From questions about nodes to a data set: each different question once, with every node that it was asked of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.likeness.near_duplicates import normalised
from llama_index_rerank_tuner.dataset.nodes import passage_of
from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.journal import content_hash
from llama_index_rerank_tuner.questions.language import Language
from llama_index_rerank_tuner.questions.report import GenerationReport
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.retrieval import retrieve_batch
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import BaseNode

OnMiss = Literal["drop", "flag", "keep"]


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question, the passage it was asked of, and the language it was asked in."""

    text: str
    passage: Passage
    language: Language


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """The answerability check: does this retriever find the passage for its question?

    Args:
        retriever: Any LlamaIndex retriever over the same nodes.
        on_miss: ``drop`` a question whose passage is not found, ``flag`` it in its metadata, or ``keep`` it (counted).
        top_k: How many of the retriever's results count; None for all.

    Raises:
        ConfigError: A value cannot work.
    """

    retriever: BaseRetriever
    on_miss: OnMiss = "flag"
    top_k: int | None = None

    def __post_init__(self) -> None:
        if self.on_miss not in ("drop", "flag", "keep"):
            raise ConfigError(f"on_miss must be drop, flag or keep, got {self.on_miss!r}.")
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError(f"round_trip_top_k must be at least 1, or None for all, got {self.top_k}.")


def passages_of(nodes: Sequence[BaseNode], contract: TextContract) -> list[Passage]:
    """The nodes as passages.

    Raises:
        DataError: There is no node, or two different ones have one id.
    """
    if not nodes:
        raise DataError("nodes", "there are none", "Give the nodes that the app retrieves from.")
    passages: dict[str, Passage] = {}
    for node in nodes:
        passage = passage_of(node, contract)
        if passages.setdefault(passage.key, passage).text != passage.text:
            raise DataError(f"node {passage.key!r}", "the id stands for two texts", "Give every node an id of its own.")
    return list(passages.values())


def dataset_of(
    asked: Sequence[AskedQuestion],
    passages: Sequence[Passage],
    contract: TextContract,
    provenance: dict[str, Any],
    report: GenerationReport,
    round_trip: RoundTrip | None = None,
) -> RerankDataset:
    """Build the data set, and complete the report.

    Args:
        asked: The questions, in the order of their passages.
        passages: The whole corpus.
        contract: How its text was made.
        provenance: Metadata that every question gets, with its node id and language.
        report: Gets the counts.
        round_trip: The answerability check; None for none.

    Raises:
        DataError: No question is left; the message holds the report.
    """
    examples = _different(asked, provenance, report)
    if round_trip is not None and examples:
        examples = _checked(examples, round_trip, report)
    report.questions = len(examples)
    if not examples:
        raise DataError("nodes", f"no question came of them\n{report}\n", "Look at the reasons above")
    return RerankDataset.build(examples, passages, contract)


def _different(
    asked: Sequence[AskedQuestion], provenance: dict[str, Any], report: GenerationReport
) -> list[RerankExample]:
    """One example for each normal form; a question asked of several passages has them all as positives."""
    by_form: dict[str, RerankExample] = {}
    for question in asked:
        form = normalised(question.text)
        known = by_form.get(form)
        if known is None:
            by_form[form] = _example(question, form, provenance)
            continue
        if all(passage.key != question.passage.key for passage in known.positives):
            by_form[form] = replace(known, positives=(*known.positives, _positive(question.passage)))
        report.duplicates += 1
    return list(by_form.values())


def _example(question: AskedQuestion, form: str, provenance: dict[str, Any]) -> RerankExample:
    return RerankExample(
        query_id=f"{provenance['source']}-{content_hash(form)[:16]}",
        query=question.text,
        positives=(_positive(question.passage),),
        group=question.passage.group,
        metadata={**provenance, "node_id": question.passage.key, "language": question.language},
    )


def _positive(passage: Passage) -> Passage:
    return replace(passage, label=1.0)


def _checked(examples: list[RerankExample], round_trip: RoundTrip, report: GenerationReport) -> list[RerankExample]:
    found = retrieve_batch(round_trip.retriever, [example.query for example in examples])
    report.missed = 0
    kept: list[RerankExample] = []
    for example, nodes in zip(examples, found, strict=True):
        wanted = {passage.key for passage in example.positives}
        ids = [each.node.node_id for each in nodes[: round_trip.top_k]]
        rank = next((place for place, node_id in enumerate(ids, start=1) if node_id in wanted), None)
        report.missed += rank is None
        if rank is None and round_trip.on_miss == "drop":
            continue
        trip = {"round_trip_rank": rank} if rank is not None or round_trip.on_miss == "flag" else {}
        kept.append(replace(example, metadata={**example.metadata, **trip}))
    return kept
