"""``RerankBenchmark``: identical candidates for every contestant, scored trec-exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tqdm import tqdm

from llama_index_rerank_tuner.dataset import RerankDataset, check_leaks
from llama_index_rerank_tuner.dataset.splitting.split import group_of
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.replay import Ranking, replay
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult
from llama_index_rerank_tuner.metrics import DEFAULT_METRICS, parse_metric, score_rankings
from llama_index_rerank_tuner.records import RerankExample

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

RETRIEVER = "retriever"


class RerankBenchmark:
    """Compares rerankers on the same candidates.

    Args:
        dataset: Test questions with ``candidates`` (``mining.attach_candidates``).
        rerankers: Name to node postprocessor. Give each a ``top_n`` of at least the deepest metric's cutoff; what it
            cuts off counts as not found. The retriever's own order always competes, as ``retriever``.
        trained_on: What a contestant was trained on, to refuse a test set that leaks from it.
        metrics: Metric names.
        show_progress: Show a progress bar.
        samples: Bootstrap samples of every interval.
        seed: Seed of the bootstrap.

    Raises:
        ConfigError: A question was never given candidates, a reranker is called ``retriever``, or a metric is unknown.
        DataError: A question has no positive.
        LeakError: A test question stands in ``trained_on`` with its answer, or nearly so.
    """

    def __init__(
        self,
        dataset: RerankDataset,
        rerankers: Mapping[str, BaseNodePostprocessor],
        *,
        trained_on: RerankDataset | None = None,
        metrics: Sequence[str] = DEFAULT_METRICS,
        show_progress: bool = False,
        samples: int = 5000,
        seed: int = 0,
    ) -> None:
        dataset.require_positives()
        if RETRIEVER in rerankers:
            raise ConfigError(f"{RETRIEVER!r} is the retriever's own order; call the reranker something else.")
        for example in dataset:
            if example.candidates is None:
                raise ConfigError(f"{example.place} has no candidates: use mining.attach_candidates first.")
        for metric in metrics:
            parse_metric(metric)
        if trained_on is not None:
            check_leaks(trained_on, dataset)
        self.dataset, self.metrics = dataset, tuple(metrics)
        self.contestants: dict[str, BaseNodePostprocessor | None] = {RETRIEVER: None, **rerankers}
        self.show_progress, self.samples, self.seed = show_progress, samples, seed

    def run(self) -> BenchmarkResult:
        """Replay the candidates to every contestant and score what comes back."""
        examples = self.dataset.examples
        qrels = {example.query_id: example.qrels for example in examples}
        rankings = {name: self._rankings(name, contestant) for name, contestant in self.contestants.items()}
        return BenchmarkResult(
            scores={name: score_rankings(qrels, _keys(found), self.metrics) for name, found in rankings.items()},
            rankings=rankings,
            qrels=qrels,
            queries={example.query_id: example.query for example in examples},
            groups={example.query_id: group_of(example) for example in examples},
            without_candidates=sum(not example.candidates for example in examples),
            ceiling=_ceiling(examples, qrels, self.metrics),
            reference=RETRIEVER,
            samples=self.samples,
            seed=self.seed,
        )

    def _rankings(self, name: str, contestant: BaseNodePostprocessor | None) -> dict[str, Ranking]:
        examples = tqdm(self.dataset.examples, f"benchmark: {name}", disable=not self.show_progress)
        return {example.query_id: replay(example, contestant) for example in examples}


def _keys(rankings: Mapping[str, Ranking]) -> dict[str, list[str]]:
    return {query_id: [key for key, _ in ranking] for query_id, ranking in rankings.items()}


def _ceiling(
    examples: Sequence[RerankExample], qrels: Mapping[str, Mapping[str, int]], metrics: Sequence[str]
) -> dict[str, float]:
    """The means that sorting every candidate list by its labels would reach."""
    oracle = {
        example.query_id: sorted((p.key for p in example.candidates or ()), key=lambda k: -qrels[id_].get(k, 0))
        for example in examples
        for id_ in [example.query_id]
    }
    scores = score_rankings(qrels, oracle, metrics)
    return {metric: sum(by_query.values()) / len(by_query) for metric, by_query in scores.items()}
