"""What a benchmark measured, with the figures people ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.evaluation.replay import Ranking
from llama_index_rerank_tuner.evaluation.significance import Tally, sign_flip_test, tally
from llama_index_rerank_tuner.evaluation.statistics import Estimate, cluster_bootstrap
from llama_index_rerank_tuner.evaluation.verdict import Verdict, compare
from llama_index_rerank_tuner.records import RerankExample

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """Every contestant's score on every question.

    Args:
        scores: Contestant to metric to question to value.
        rankings: Contestant to question to its ranking.
        qrels: Question to passage key to grade.
        queries: Question to its text.
        groups: Question to its source document.
        without_candidates: Questions for which retrieval returned nothing; they score 0.
        ceiling: Metric to the mean an oracle order of the candidates would reach.
        reference: The contestant that changes are measured against.
        samples: Bootstrap samples.
        seed: Seed of the bootstrap.
        examples: Question to its example, with the candidates that every contestant got.
        seconds: Contestant to question to the seconds that its postprocessing took; 0 for the retriever, and where
            nothing was retrieved. With several workers the contestants' calls ran beside each other.
        evaluator_scores: Contestant to metric to question to the value that LlamaIndex's ``RetrieverEvaluator`` gave,
            for those of its metrics whose definition is trec's: ``hit_rate``, ``mrr`` and ``recall``, without a cutoff.
    """

    scores: Mapping[str, Mapping[str, Mapping[str, float]]]
    rankings: Mapping[str, Mapping[str, Ranking]]
    qrels: Mapping[str, Mapping[str, int]]
    queries: Mapping[str, str]
    groups: Mapping[str, str]
    without_candidates: int
    ceiling: Mapping[str, float]
    reference: str
    samples: int = 5000
    seed: int = 0
    examples: Mapping[str, RerankExample] = field(default_factory=dict)
    seconds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    evaluator_scores: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)

    @property
    def contestants(self) -> list[str]:
        """Names, in the order they were given."""
        return list(self.scores)

    @property
    def metrics(self) -> list[str]:
        """Metric names."""
        return list(self.scores[self.reference])

    def require_contestant(self, name: str) -> None:
        """Refuse a name that did not compete.

        Raises:
            ConfigError: Names those that did.
        """
        if name not in self.contestants:
            raise ConfigError(f"There is no contestant {name!r}; there are {', '.join(self.contestants)}.")

    def mean(self, contestant: str, metric: str) -> Estimate:
        """A contestant's mean with its interval."""
        return cluster_bootstrap(self._values(contestant, metric), self.groups, self.samples, self.seed)

    def difference(self, contestant: str, opponent: str, metric: str) -> Estimate:
        """Paired difference of two contestants with its interval."""
        return cluster_bootstrap(self.differences(contestant, opponent, metric), self.groups, self.samples, self.seed)

    def differences(self, contestant: str, opponent: str, metric: str) -> dict[str, float]:
        """Each question's own difference: the contestant's value minus the opponent's."""
        theirs = self._values(opponent, metric)
        return {query: value - theirs[query] for query, value in self._values(contestant, metric).items()}

    def tally(self, contestant: str, opponent: str, metric: str) -> Tally:
        """On how many questions the contestant did better than, as well as and worse than the opponent."""
        return tally(self.differences(contestant, opponent, metric))

    def p_value(self, contestant: str, opponent: str, metric: str) -> float:
        """The sign-flip test's two-sided p value of the paired difference; not corrected for other comparisons."""
        return sign_flip_test(self.differences(contestant, opponent, metric), self.groups, seed=self.seed)

    def percent_change(self, contestant: str, metric: str) -> float | None:
        """Change against the reference in percent; None where the reference scores 0."""
        before = self.mean(self.reference, metric).value
        return None if before == 0 else 100 * (self.mean(contestant, metric).value - before) / before

    def verdict(self, contestant: str, opponents: Sequence[str], metric: str = "nDCG@10") -> Verdict:
        """Judge a contestant against its opponents, by the rule in ``judge``.

        Raises:
            ConfigError: One of them did not compete, or the metric was not measured.
        """
        paired = {each: self.differences(contestant, each, metric) for each in opponents}
        return compare(contestant, metric, paired, self.groups, self.samples, self.seed)

    def to_dict(self) -> dict[str, Any]:
        """Everything for a JSON report: means, intervals, changes, and every question's scores."""
        return {
            "schema": SCHEMA,
            "questions": len(self.queries),
            "groups": len(set(self.groups.values())),
            "questions without candidates": self.without_candidates,
            "ceiling": dict(self.ceiling),
            "reference": self.reference,
            "contestants": {name: self._summary(name) for name in self.contestants},
            "per question": {
                query: {"query": text, "group": self.groups[query], "scores": self._question(query)}
                for query, text in self.queries.items()
            },
        }

    def _values(self, contestant: str, metric: str) -> Mapping[str, float]:
        self.require_contestant(contestant)
        if metric not in self.metrics:
            raise ConfigError(f"There is no metric {metric!r}; there are {', '.join(self.metrics)}.")
        return self.scores[contestant][metric]

    def _summary(self, name: str) -> dict[str, Any]:
        summary = {}
        for metric in self.metrics:
            mean, change = self.mean(name, metric), self.difference(name, self.reference, metric)
            summary[metric] = {
                "mean": mean.value,
                "interval": _bounds(mean),
                "change": change.value,
                "change interval": _bounds(change),
                "change percent": self.percent_change(name, metric),
            }
        return summary

    def _question(self, query: str) -> dict[str, dict[str, float]]:
        return {name: {m: self.scores[name][m][query] for m in self.metrics} for name in self.contestants}


def _bounds(estimate: Estimate) -> list[float] | None:
    """The interval for JSON, which has no infinity; None where it is unbounded."""
    return [estimate.low, estimate.high] if estimate.bounded else None
