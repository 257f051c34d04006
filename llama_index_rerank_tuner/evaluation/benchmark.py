"""``RerankBenchmark``: identical candidates for every contestant, scored trec-exactly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset import RerankDataset, check_leaks
from llama_index_rerank_tuner.dataset.splitting.split import group_of
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.contest import Contest
from llama_index_rerank_tuner.evaluation.memory import JOURNAL_SETTINGS
from llama_index_rerank_tuner.evaluation.replay import EVALUATOR_METRICS, Ranking, Replay
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult
from llama_index_rerank_tuner.evaluation.retrieving import with_retrieved
from llama_index_rerank_tuner.journal import Journal
from llama_index_rerank_tuner.metrics import DEFAULT_METRICS, parse_metric, score_rankings
from llama_index_rerank_tuner.records import RerankExample

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.retrievers import BaseRetriever

RETRIEVER = "retriever"


class RerankBenchmark:
    """Compares rerankers on the same candidates.

    Args:
        dataset: Test questions, with ``candidates`` (``mining.attach_candidates``) where no ``retriever`` is given.
        rerankers: Name to node postprocessor. Give each a ``top_n`` of at least the deepest metric's cutoff; what it
            cuts off counts as not found. The retriever's own order always competes, as ``retriever``.
        retriever: The app's retriever: asked once for every question, what it returns are the candidates, instead of
            any that the data set has. None takes those.
        depth: Candidates of a question that are reranked, from the first; None for all.
        workers: Threads that ask the retriever and the contestants. More than one suits contestants that wait for a
            network; each must bear calls from several threads, and latencies are then those of calls beside each other.
        journal: File that remembers every answer, a line each: the same call goes on there after a kill. It may be
            shared by any number of benchmarks, one after the other. An answer is taken from it where everything it
            depends on is the same, as far as contestant and retriever tell: their class, name and settings, and the
            files of a model on this machine. Give a model or an index behind a network another journal when it changed.
        trained_on: What a contestant was trained on, to refuse a test set that leaks from it.
        metrics: Metric names.
        show_progress: Show a progress bar.
        samples: Bootstrap samples of every interval.
        seed: Seed of the bootstrap.

    Raises:
        ConfigError: A question was never given candidates, a reranker is called ``retriever``, a metric is unknown, or
            a count is not positive.
        DataError: A question has no positive.
        LeakError: A test question stands in ``trained_on`` with its answer, or nearly so.

    Example:
        >>> from llama_index_rerank_tuner.records import Passage
        >>> offices, fees = Passage("Offices open at nine.", "n1"), Passage("The fee is 20.", "n2", label=1.0)
        >>> question = RerankExample("q1", "What does it cost?", (fees,), candidates=(offices, fees))
        >>> result = RerankBenchmark(RerankDataset.build([question]), {}, metrics=["MRR"]).run()
        >>> result.mean("retriever", "MRR").value
        0.5
    """

    def __init__(
        self,
        dataset: RerankDataset,
        rerankers: Mapping[str, BaseNodePostprocessor],
        *,
        retriever: BaseRetriever | None = None,
        depth: int | None = None,
        workers: int = 1,
        journal: str | Path | None = None,
        trained_on: RerankDataset | None = None,
        metrics: Sequence[str] = DEFAULT_METRICS,
        show_progress: bool = False,
        samples: int = 5000,
        seed: int = 0,
    ) -> None:
        for count, given in (("depth", depth), ("workers", workers), ("samples", samples)):
            if given is not None and given < 1:
                raise ConfigError(f"{count} must be a positive integer, got {given}.")
        dataset.require_positives()
        if RETRIEVER in rerankers:
            raise ConfigError(f"{RETRIEVER!r} is the retriever's own order; call the reranker something else.")
        for metric in metrics:
            parse_metric(metric)
        if retriever is None:
            require_candidates(dataset)
        if trained_on is not None:
            check_leaks(trained_on, dataset)
        self.dataset, self.metrics, self.retriever, self.depth = dataset, tuple(metrics), retriever, depth
        self.contestants: dict[str, BaseNodePostprocessor | None] = {RETRIEVER: None, **rerankers}
        self.workers, self.journal = workers, journal
        self.show_progress, self.samples, self.seed = show_progress, samples, seed

    def run(self) -> BenchmarkResult:
        """Replay the candidates to every contestant and score what comes back.

        Within a running event loop, as in a notebook, contestants are called in a thread beside it.

        Raises:
            ScoreError: A contestant gave a NaN or infinite score.
            DataError: The journal is none, or damaged.
            RerankTunerError: Another run holds the journal.
            Exception: Whatever a contestant raises, with a note that names it and the question.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._run(Event())
        stopped = Event()
        with ThreadPoolExecutor(1, "benchmark") as beside:
            try:
                return beside.submit(copy_context().run, self._run, stopped).result()
            finally:
                # Where waiting was interrupted, the thread is not to go on to the end.
                stopped.set()

    async def arun(self) -> BenchmarkResult:
        """The same, without holding up the event loop; cancelled, it stops after the question at hand."""
        stopped = Event()
        try:
            return await asyncio.to_thread(self._run, stopped)
        except asyncio.CancelledError:
            stopped.set()
            raise

    def _run(self, stopped: Event) -> BenchmarkResult:
        with self._contest(stopped) as contest:
            examples = self._examples(contest)
            replays = {name: contest.replays(examples, name, each) for name, each in self.contestants.items()}
        return self._result(examples, replays)

    @contextmanager
    def _contest(self, stopped: Event) -> Iterator[Contest]:
        if self.journal is None:
            yield Contest(self.workers, None, self.show_progress, stopped)
            return
        with Journal(self.journal, JOURNAL_SETTINGS) as journal:
            yield Contest(self.workers, journal, self.show_progress, stopped)

    def _examples(self, contest: Contest) -> Sequence[RerankExample]:
        """The questions with the candidates that every contestant gets."""
        examples: Sequence[RerankExample] = self.dataset.examples
        if self.retriever is not None:
            examples = with_retrieved(self.dataset, self.retriever, contest)
        if self.depth is not None:
            examples = [replace(each, candidates=(each.candidates or ())[: self.depth]) for each in examples]
        return examples

    def _result(
        self, examples: Sequence[RerankExample], replays: Mapping[str, Mapping[str, Replay]]
    ) -> BenchmarkResult:
        qrels = {example.query_id: example.qrels for example in examples}
        rankings = {name: {id_: each.ranking for id_, each in of.items()} for name, of in replays.items()}
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
            examples={example.query_id: example for example in examples},
            seconds={name: {id_: each.seconds for id_, each in of.items()} for name, of in replays.items()},
            evaluator_scores={name: _evaluator_scores(of) for name, of in replays.items()},
        )


def require_candidates(dataset: RerankDataset) -> None:
    """Refuse a data set with a question for which no retriever was ever asked.

    Raises:
        ConfigError: Names the first such question.
    """
    for example in dataset:
        if example.candidates is None:
            raise ConfigError(f"{example.place} has no candidates: use mining.attach_candidates first.")


def _keys(rankings: Mapping[str, Ranking]) -> dict[str, list[str]]:
    return {query_id: [key for key, _ in ranking] for query_id, ranking in rankings.items()}


def _evaluator_scores(replays: Mapping[str, Replay]) -> dict[str, dict[str, float]]:
    return {name: {id_: each.evaluator_scores[name] for id_, each in replays.items()} for name in EVALUATOR_METRICS}


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
