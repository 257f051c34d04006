"""Robustness: the same benchmark over texts as scanners, converters and hurried fingers leave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.benchmark import RerankBenchmark
from llama_index_rerank_tuner.evaluation.drawing import drawn
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult
from llama_index_rerank_tuner.evaluation.statistics import Estimate, cluster_bootstrap
from llama_index_rerank_tuner.noise import KINDS, NoiseKind, noisy
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

Where = Literal["passages", "queries"]
RATES = (0.01, 0.05, 0.10)


@dataclass(frozen=True, slots=True)
class NoiseRow:
    """One contestant over one kind of noise.

    Args:
        where: Whether ``passages`` or ``queries`` had the errors.
        kind: Kind of error, as in ``noise.noisy``.
        rate: Errors for each character.
        contestant: Its name.
        mean: Mean of the metric over the noisy questions, with its interval.
        loss: What it lost against the clean ones, paired by question, with its interval; negative for a gain.
    """

    where: Where
    kind: NoiseKind
    rate: float
    contestant: str
    mean: Estimate
    loss: Estimate


def robustness(
    dataset: RerankDataset,
    rerankers: Mapping[str, BaseNodePostprocessor],
    kinds: Sequence[NoiseKind] = KINDS,
    rates: Sequence[float] = RATES,
    where: Sequence[Where] = ("passages", "queries"),
    metric: str = "nDCG@10",
    questions: int | None = None,
    *,
    workers: int = 1,
    journal: str | Path | None = None,
    show_progress: bool = False,
    samples: int = 5000,
    seed: int = 0,
) -> list[NoiseRow]:
    """Rerank noisy copies of the questions, and measure what each contestant loses.

    The candidates stay those of the clean question, in the same order, so that a loss is the reranker's own; what a
    retriever would lose on a noisy question or a noisy index is not in it. The retriever is left out for that reason.

    Args:
        dataset: Test questions with ``candidates``.
        rerankers: Name to node postprocessor.
        kinds: Kinds of error.
        rates: Errors for each character, from 0 to 1.
        where: ``passages``, ``queries`` or both; never both at once.
        metric: A metric name.
        questions: Questions drawn for it, because every kind, rate and place reranks anew (36 times by default, and
            once clean); None for all.
        workers: Threads, as in ``RerankBenchmark``.
        journal: File that remembers answers, as in ``RerankBenchmark``.
        show_progress: Show progress bars.
        samples: Bootstrap samples of every interval.
        seed: Seed of the errors, the drawing and the bootstrap.

    Returns:
        A row for every place, kind, rate and contestant, in that order.

    Raises:
        ConfigError: There is no reranker, kind, rate or place, or one that cannot be.
        DataError: A question has no positive.

    Example:
        >>> from llama_index.core.postprocessor import LongContextReorder
        >>> fees = Passage("The fee is 20.", "n2", label=1.0)
        >>> dataset = RerankDataset.build([RerankExample("q1", "What does it cost?", (fees,), candidates=(fees,))])
        >>> blind = {"blind": LongContextReorder()}
        >>> [row] = robustness(dataset, blind, ["typo"], [0.1], ["queries"])
        >>> row.contestant, row.mean.value, row.loss.value
        ('blind', 1.0, 0.0)
    """
    _check(rerankers, kinds, rates, where)
    dataset = drawn(dataset, questions, seed)

    def measured(asked: RerankDataset) -> BenchmarkResult:
        return RerankBenchmark(
            asked,
            rerankers,
            workers=workers,
            journal=journal,
            metrics=[metric],
            show_progress=show_progress,
            samples=samples,
            seed=seed,
        ).run()

    clean = measured(dataset)
    rows = []
    for place in where:
        for kind in kinds:
            for rate in rates:
                found = measured(noisy_copy(dataset, place, kind, rate, seed))
                rows += [
                    NoiseRow(place, kind, rate, name, found.mean(name, metric), _loss(clean, found, name, metric))
                    for name in rerankers
                ]
    return rows


def noisy_copy(dataset: RerankDataset, where: Where, kind: NoiseKind, rate: float, seed: int = 0) -> RerankDataset:
    """The same questions, with errors in their candidates' texts or in their own; ids, labels and order stay."""
    return dataset.with_examples(_noisy_example(example, where, kind, rate, seed) for example in dataset)


def _noisy_example(example: RerankExample, where: Where, kind: NoiseKind, rate: float, seed: int) -> RerankExample:
    if where == "queries":
        return replace(example, query=noisy(example.query, kind, rate, seed))

    def spoilt(passage: Passage) -> Passage:
        # A bare text is its own key: it keeps it as id, so that the labels still find it.
        return replace(passage, text=noisy(passage.text, kind, rate, seed), node_id=passage.key)

    return replace(example, candidates=None if example.candidates is None else tuple(map(spoilt, example.candidates)))


def _loss(clean: BenchmarkResult, noised: BenchmarkResult, contestant: str, metric: str) -> Estimate:
    after = noised.scores[contestant][metric]
    lost = {query: before - after[query] for query, before in clean.scores[contestant][metric].items()}
    return cluster_bootstrap(lost, clean.groups, clean.samples, clean.seed)


def _check(
    rerankers: Mapping[str, BaseNodePostprocessor],
    kinds: Sequence[NoiseKind],
    rates: Sequence[float],
    where: Sequence[Where],
) -> None:
    for name, given in (("rerankers", rerankers), ("kinds", kinds), ("rates", rates), ("where", where)):
        if not given:
            raise ConfigError(f"{name} must not be empty: there is nothing to measure.")
    for place in where:
        if place not in get_args(Where):
            raise ConfigError(f"where must be {' or '.join(map(repr, get_args(Where)))}, got {place!r}.")
    for kind in kinds:
        for rate in rates:
            noisy("", kind, rate)
