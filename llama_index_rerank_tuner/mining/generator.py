"""``HardNegativeDatasetGenerator``: from labelled questions to a training set with hard negatives."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.nodes import passage_of
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.mining.asking import Asking
from llama_index_rerank_tuner.mining.guarding import guarded
from llama_index_rerank_tuner.mining.guards import Guard, default_guards
from llama_index_rerank_tuner.mining.negatives import Choice, Choosing
from llama_index_rerank_tuner.mining.placing import Places, placed
from llama_index_rerank_tuner.mining.report import MiningReport
from llama_index_rerank_tuner.mining.retrieving import Answers, Retrieving, is_builder
from llama_index_rerank_tuner.mining.sampling import apportioned
from llama_index_rerank_tuner.mining.scope import Scope, ScopedNodes
from llama_index_rerank_tuner.mining.selection import Selection
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from llama_index_rerank_tuner.mining.retrieving import RetrieverOrBuilder


class HardNegativeDatasetGenerator:
    """Mines negatives from any LlamaIndex retrievers.

    A question's positives are never among its negatives, and a negative is always one of ``nodes``: hand in the
    training nodes (``split.train.nodes()``), and nothing of a validation or test group can be taught. The retrievers
    may search more than that; what else they find is refused and counted. A negative carries the rank and score that
    each source gave it, and a positive those that the same sources gave it (``trail`` puts them side by side).

    Args:
        nodes: The nodes that negatives may come from.
        retrievers: Source name to retriever, or one retriever. Each is asked to its own depth. A function that takes
            nodes and returns a retriever is asked within the scope: it builds one over each document or tenant.
        negatives_per_query: Negatives a question gets, judged ones counted in; None for the selection's (5).
        random_negatives: How many of them are drawn at random; more where retrieval finds too few. None for the
            selection's (1).
        top_k: Window: the first ``top_k`` usable candidates; None for the selection's ``depth`` (30).
        seed: Same inputs and seed, same data set, whatever the order of nodes and questions.
        show_progress: Show a progress bar.
        selection: Which candidates become negatives.
        shares: Source to its share of the negatives that are not random, such as ``{"bm25": 3, "dense": 1}``. None
            draws from all sources as one list by best rank, in which they have equal parts.
        scope: Among which passages to mine: ``corpus``, ``group`` for the question's source document,
            ``metadata:<key>``, or shares of these. The data set's contract records it.
        guards: Guards against false negatives, in order; None for ``default_guards()``. Where every relevant passage is
            labelled, none are needed: ``()``.
        asking: How retrievers are asked: concurrency, retries, time-out.
        journal: File that remembers what the retrievers returned, so that a killed run goes on where it stopped. A
            retriever is known in it by its class and depth: give another path when its index has changed otherwise.

    Attributes:
        report: Counts of the last run.

    Raises:
        ConfigError: A count is negative, there is no node or no retriever, or a share names no source.
    """

    def __init__(
        self,
        nodes: Sequence[BaseNode],
        retrievers: Mapping[str, RetrieverOrBuilder] | RetrieverOrBuilder,
        *,
        negatives_per_query: int | None = None,
        random_negatives: int | None = None,
        top_k: int | None = None,
        seed: int = 0,
        show_progress: bool = False,
        selection: Selection | None = None,
        shares: Mapping[str, float] | None = None,
        scope: Scope | str | Mapping[str, float] | None = None,
        guards: Sequence[Guard] | None = None,
        asking: Asking | None = None,
        journal: str | Path | None = None,
    ) -> None:
        if not nodes:
            raise ConfigError("There are no nodes to take negatives from.")
        given = {"negatives_per_query": negatives_per_query, "random_negatives": random_negatives, "depth": top_k}
        chosen = {name: value for name, value in given.items() if value is not None}
        self.selection = replace(selection or Selection(), **chosen)  # type: ignore[arg-type]
        self.retrievers = dict(retrievers) if isinstance(retrievers, Mapping) else {"retriever": retrievers}
        self.shares = _checked_shares(shares, self.retrievers)
        self.nodes = {node.node_id: node for node in nodes}
        self.scope = Scope.of(scope)
        self.guards = tuple(default_guards() if guards is None else guards)
        self.asking = asking or Asking()
        self.journal = journal
        self.seed = seed
        self.show_progress = show_progress
        self.report = MiningReport()

    def generate(self, dataset: RerankDataset) -> RerankDataset:
        """Give every question its negatives; judged ones stay and come first.

        Args:
            dataset: Labelled questions; their contract makes the nodes' text.

        Raises:
            DataError: A question has no positive, its place in the scope is not known, or the journal is of other
                nodes or sources.
            RerankTunerError: No retriever gave any answer, or another run holds the journal.
        """
        dataset.require_positives()
        report = self.report = MiningReport(questions=len(dataset), scope=self.scope.name)
        nodes = [node for _, node in sorted(self.nodes.items())]
        passages = [passage_of(node, dataset.contract) for node in nodes]
        parts = [ScopedNodes(part, nodes, passages) for part in self.scope.parts]
        retrieving = Retrieving(self.retrievers, nodes, self.asking, self.journal, self.show_progress)
        found = retrieving.answers(dataset.examples, parts, report)
        for guard in self.guards:
            guard.prepare(dataset, nodes)
        choosing = Choosing(
            {passage.key: passage for passage in passages},
            self.selection,
            self.shares,
            lambda example, candidates: guarded(self.guards, example, candidates, report, self.seed),
            report.refused,
            self.seed,
        )
        mined = [
            self._mined(example, {part: answers[place] for part, answers in found.items()}, parts, choosing)
            for place, example in enumerate(dataset)
        ]
        return replace(dataset.with_examples(mined), contract=replace(dataset.contract, scope=self.scope.name))

    def _mined(
        self, example: RerankExample, answers: Mapping[str, Answers], parts: Sequence[ScopedNodes], choosing: Choosing
    ) -> RerankExample:
        """The question with its negatives, its positives placed among the candidates."""
        # A retriever answers every part of the scope alike, so only one part counts what is odd in the answers.
        places = {
            part: placed(found, self.report.oddities if part == parts[0].part else None)
            for part, found in answers.items()
        }
        example = replace(example, positives=tuple(_placed(each, places) for each in example.positives))
        choice = Choice(example, choosing)
        wanted = max(0, self.selection.wanted(len(example.positives)) - len(choice.judged))
        at_random = min(wanted, self.selection.random_negatives)
        for part, counts in zip(parts, self._by_part(example, wanted, at_random), strict=True):
            choice.mine(places[part.part], part, *counts)
        self._account(example, choice, wanted)
        return replace(example, negatives=tuple(choice.judged + choice.mined))

    def _by_part(self, example: RerankExample, wanted: int, at_random: int) -> list[tuple[int, int]]:
        """How many negatives, and how many of them at random, each part of the scope gives."""
        rng = random.Random(f"{self.seed}:{example.query_id}:scope")
        hard = apportioned(self.scope.parts, wanted - at_random, rng)
        drawn = apportioned(self.scope.parts, at_random, rng)
        return [(hard[part] + drawn[part], drawn[part]) for part in self.scope.parts]

    def _account(self, example: RerankExample, choice: Choice, wanted: int) -> None:
        self.report.negatives.update(source for passage in choice.mined for source in passage.retrieved)
        self.report.short += len(choice.mined) < wanted
        for side, passages in (("positive", example.positives), ("negative", choice.mined)):
            for passage in passages:
                for source, place in passage.retrieved.items():
                    if source in self.retrievers:
                        self.report.add_score(source, side, place.score)  # type: ignore[arg-type]


def _placed(positive: Passage, places: Mapping[str, Mapping[str, Places]]) -> Passage:
    """A positive with its places in the sources, as the first part of the scope that found it has them."""
    found = next((by_node[positive.key] for by_node in places.values() if positive.key in by_node), None)
    return positive if found is None else replace(positive, retrieved={**positive.retrieved, **found})


def _checked_shares(
    shares: Mapping[str, float] | None, retrievers: Mapping[str, RetrieverOrBuilder]
) -> dict[str, float] | None:
    if not retrievers:
        raise ConfigError("There is no retriever to mine from.")
    wrong = [name for name, retriever in retrievers.items() if not (is_builder(retriever) or _retrieves(retriever))]
    if wrong:
        raise ConfigError(f"The source {wrong[0]!r} has no retrieve(): {type(retrievers[wrong[0]]).__name__}.")
    for name, share in (shares or {}).items():
        if name not in retrievers:
            raise ConfigError(f"shares names {name!r}, and the sources are {', '.join(retrievers)}.")
        if not 0 <= share < math.inf:
            raise ConfigError(f"The share of {name!r} must be a number of at least 0, got {share!r}.")
    if shares is not None and not any(shares.values()):
        raise ConfigError("shares must give at least one source a share above 0.")
    return None if shares is None else dict(shares)


def _retrieves(retriever: object) -> bool:
    return hasattr(retriever, "retrieve") or hasattr(retriever, "aretrieve")
