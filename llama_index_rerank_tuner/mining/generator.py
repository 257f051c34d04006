"""``HardNegativeDatasetGenerator``: from labelled questions to a training set with hard negatives."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.nodes import passage_of
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.mining.candidates import candidate_lists
from llama_index_rerank_tuner.mining.report import MiningReport
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import BaseNode


class HardNegativeDatasetGenerator:
    """Mines negatives from the top of any LlamaIndex retrievers.

    A question's positives are never among its negatives, and a negative is always one of ``nodes``: hand in the
    training nodes (``split.train.nodes()``), and nothing of a validation or test group can be taught. The retrievers
    may search more than that; what else they find is refused and counted.

    Negatives are drawn evenly from each question's window rather than from its very top, where unlabelled positives
    are most common (RocketQA, Qu et al. 2021, found about 70 % of the unlabelled top to be relevant).

    Args:
        nodes: The nodes that negatives may come from.
        retrievers: Source name to retriever, or one retriever. Each is asked to its own depth.
        negatives_per_query: Negatives a question gets, judged ones counted in.
        random_negatives: How many of them are drawn at random from ``nodes``; more where retrieval finds too few.
        top_k: Window: the first ``top_k`` usable candidates, by their best rank in any source.
        seed: Same inputs and seed, same data set.
        show_progress: Show a progress bar.

    Raises:
        ConfigError: A count is negative, or there is no node or no retriever.
    """

    def __init__(
        self,
        nodes: Sequence[BaseNode],
        retrievers: Mapping[str, BaseRetriever] | BaseRetriever,
        *,
        negatives_per_query: int = 5,
        random_negatives: int = 1,
        top_k: int = 30,
        seed: int = 0,
        show_progress: bool = False,
    ) -> None:
        if not nodes:
            raise ConfigError("There are no nodes to take negatives from.")
        if not 0 <= random_negatives <= negatives_per_query or top_k < 1:
            raise ConfigError(
                "Expected 0 <= random_negatives <= negatives_per_query and top_k of at least 1, got "
                f"{random_negatives}, {negatives_per_query} and {top_k}."
            )
        self.retrievers = dict(retrievers) if isinstance(retrievers, Mapping) else {"retriever": retrievers}
        if not self.retrievers:
            raise ConfigError("There is no retriever to mine from.")
        self.nodes = {node.node_id: node for node in nodes}
        self.negatives_per_query = negatives_per_query
        self.random_negatives = random_negatives
        self.top_k = top_k
        self.seed = seed
        self.show_progress = show_progress
        self.report = MiningReport()

    def generate(self, dataset: RerankDataset) -> RerankDataset:
        """Give every question its negatives; judged ones stay and come first.

        Args:
            dataset: Labelled questions; their contract makes the nodes' text.

        Raises:
            DataError: A question has no positive.
        """
        dataset.require_positives()
        self.report = MiningReport(questions=len(dataset))
        queries = [example.query for example in dataset]
        lists = candidate_lists(queries, self.retrievers, dataset.contract, self.show_progress)
        pool = [passage_of(node, dataset.contract) for _, node in sorted(self.nodes.items())]
        return dataset.with_examples(
            replace(example, negatives=self._negatives(example, found, pool))
            for example, found in zip(dataset, lists, strict=True)
        )

    def _negatives(
        self, example: RerankExample, found: Sequence[Passage], pool: Sequence[Passage]
    ) -> tuple[Passage, ...]:
        rng = random.Random(f"{self.seed}:{example.query_id}")
        answers = {passage.text for passage in example.positives}
        judged = [passage for passage in example.negatives if passage.text not in answers]
        if len(judged) < len(example.negatives):
            self.report.refused["judged both ways"] += len(example.negatives) - len(judged)
        taken = {passage.key for passage in (*example.positives, *judged)}
        window = [passage for passage in found if self._usable(passage, taken, answers)][: self.top_k]
        wanted = max(0, self.negatives_per_query - len(judged))
        hard = rng.sample(window, min(len(window), max(0, wanted - self.random_negatives)))
        drawn = _draw(rng, pool, wanted - len(hard), taken | {passage.key for passage in window}, answers)
        chosen = {passage.key for passage in hard}
        rest = [passage for passage in window if passage.key not in chosen]
        mined = hard + drawn + rest[: wanted - len(hard) - len(drawn)]
        self.report.negatives.update(source for passage in mined for source in passage.retrieved)
        self.report.short += len(mined) < wanted
        return tuple(judged + mined)

    def _usable(self, passage: Passage, taken: set[str], answers: set[str]) -> bool:
        reason = None
        if passage.key in taken:
            reason = "judged for this question"
        elif passage.text in answers:
            reason = "same text as a positive"
        elif passage.key not in self.nodes:
            reason = "not a training node"
        if reason is not None:
            self.report.refused[reason] += 1
        return reason is None


def _draw(rng: random.Random, pool: Sequence[Passage], count: int, taken: set[str], answers: set[str]) -> list[Passage]:
    """Draw ``count`` other passages at random, fewer where the pool has not as many."""
    drawn: list[Passage] = []
    for passage in rng.sample(pool, len(pool)) if count > 0 else []:
        if len(drawn) == count:
            break
        if passage.key not in taken and passage.text not in answers:
            drawn.append(replace(passage, retrieved={"random": Retrieved(len(drawn) + 1, 0.0)}))
    return drawn
