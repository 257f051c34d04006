"""How often the verdict calls a difference where there is none, and how often where there is one that it can detect.

    python benchmarks/verdict_calibration.py [--comparisons 2000] [--samples 1000] [--only NAME ...]

Simulated: paired differences of nDCG@10, with noise that the questions of a document share in part, of several shapes
and sizes. Three figures a row, each over all comparisons:

- "no difference": the share called better or worse although the true difference is 0, and the 95 % upper bound of that
  share (Clopper and Pearson 1934). At most 6.5 % is wanted.
- "own report": every test set is asked for its smallest detectable difference; that much is added to every difference
  (taken away in every second comparison), and the share called better (worse) counted. At least 75 % is wanted.
- "another's report": the same with what an independent test set of the same make reports.

With several opponents, half of the documents have the same noise against each. Test sets that report no smallest
detectable difference stand in the last column, and only there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from llama_index_rerank_tuner.evaluation.verdict import Verdict, compare

Noise = NDArray[np.float64]
Draw = Callable[[np.random.Generator, NDArray[np.int64]], Noise]
WRONG_LIMIT, FOUND_LIMIT = 0.065, 0.75
DEPTH = 10


@dataclass(frozen=True)
class Shape:
    """Test sets of one make: how noise is drawn for each question's document, and how many questions each has."""

    name: str
    draw: Draw
    sizes: Sequence[int]
    opponents: int = 1


def shared(between: Callable[..., Noise], within: Callable[..., Noise]) -> Draw:
    """A document's own part, a third of the variance, and each question's."""

    def draw(rng: np.random.Generator, documents: NDArray[np.int64]) -> Noise:
        return 0.1 * between(rng, documents.max() + 1)[documents] + 0.14 * within(rng, len(documents))

    return draw


def normal(rng: np.random.Generator, count: int) -> Noise:
    return rng.normal(size=count)


def heavy_tails(rng: np.random.Generator, count: int) -> Noise:
    return rng.standard_t(3, size=count) / 3**0.5


def rare_gains(rng: np.random.Generator, count: int) -> Noise:
    """Small losses often, large gains seldom: an exponential distribution moved to mean 0."""
    return rng.exponential(size=count) - 1


def mostly_ties(rng: np.random.Generator, documents: NDArray[np.int64]) -> Noise:
    """Seven of ten questions are ties; a document has its own chance of wins among the rest."""
    wins = rng.beta(1.5, 1.5, size=documents.max() + 1)[documents]
    signs = np.where(rng.random(len(documents)) < wins, 1.0, -1.0)
    return np.where(rng.random(len(documents)) < 0.7, 0.0, signs * rng.random(len(documents)))


def uneven_noise(rng: np.random.Generator, documents: NDArray[np.int64]) -> Noise:
    """Some documents are far noisier than others."""
    scale = rng.lognormal(0, 1, size=documents.max() + 1)[documents]
    return scale * shared(normal, normal)(rng, documents)


def one_relevant_passage(rng: np.random.Generator, documents: NDArray[np.int64]) -> Noise:
    """The nDCG@10 of two rerankers that place one relevant passage, on documents harder for one or the other."""

    def ndcg() -> Noise:
        hardness = 1.2 * difficulty + 0.5 * normal(rng, documents.max() + 1)[documents] + normal(rng, len(documents))
        ranks = np.ceil(np.exp(hardness))
        return np.where(ranks <= DEPTH, 1 / np.log2(1 + ranks), 0.0)

    difficulty = normal(rng, len(documents))
    return ndcg() - ndcg()


UNEQUAL = [40, 25, 18, 14, 11, 9, 8, 7, 6, 5, 5, 4, 4, 3, 3, 3, 2, 2, 2, 2, *[1] * 10]
SHAPES = [
    Shape("normal, 8 documents of 10", shared(normal, normal), [10] * 8),
    Shape("normal, 30 documents of 5", shared(normal, normal), [5] * 30),
    Shape("normal, 30 documents of 1 to 40", shared(normal, normal), UNEQUAL),
    Shape("heavy tails, 20 documents of 5", shared(heavy_tails, heavy_tails), [5] * 20),
    Shape("rare gains, 30 documents of 5", shared(rare_gains, rare_gains), [5] * 30),
    Shape("rare gains, 12 documents of 5", shared(rare_gains, rare_gains), [5] * 12),
    Shape("mostly ties, 40 documents of 4", mostly_ties, [4] * 40),
    Shape("uneven noise, 30 documents of 5", uneven_noise, [5] * 30),
    Shape("one relevant passage, 60 documents of 3", one_relevant_passage, [3] * 60),
    Shape("one relevant passage, 200 documents of 1", one_relevant_passage, [1] * 200),
    Shape("normal, 30 documents of 5, 2 opponents", shared(normal, normal), [5] * 30, 2),
    Shape("one relevant passage, 60 documents of 3, 2 opponents", one_relevant_passage, [3] * 60, 2),
    Shape("mostly ties, 40 documents of 4, 4 opponents", mostly_ties, [4] * 40, 4),
]


class Simulation:
    """Verdicts on test sets of one shape."""

    def __init__(self, shape: Shape, samples: int) -> None:
        self.shape, self.samples = shape, samples
        self.documents = np.repeat(np.arange(len(shape.sizes)), shape.sizes)
        self.groups = {f"q{place}": f"d{document}" for place, document in enumerate(self.documents)}

    def noise(self, rng: np.random.Generator) -> list[Noise]:
        first = self.shape.draw(rng, self.documents)
        alike = (rng.random(len(self.shape.sizes)) < 0.5)[self.documents]
        others = [self.shape.draw(rng, self.documents) for _ in range(self.shape.opponents - 1)]
        return [first, *(np.where(alike, first, other) for other in others)]

    def verdict(self, noise: Sequence[Noise], difference: float, seed: int) -> Verdict:
        paired = {
            f"opponent {place}": dict(zip(self.groups, (each + difference).tolist(), strict=True))
            for place, each in enumerate(noise)
        }
        return compare("contestant", "nDCG@10", paired, self.groups, self.samples, seed)

    def run(self, comparisons: int) -> dict[str, Any]:
        rng = np.random.default_rng(0)
        wrong, own, others, detectable = 0, [], [], []
        reported: float | None = None
        for seed in range(comparisons):
            noise, sign = self.noise(rng), 1 - 2 * (seed % 2)
            before, verdict = reported, self.verdict(noise, 0.0, seed)
            reported = verdict.smallest_detectable
            wrong += verdict.outcome != "no evidence"
            wanted = "better" if sign > 0 else "worse"
            if reported is not None:
                detectable.append(reported)
                own.append(self.verdict(noise, sign * reported, seed).outcome == wanted)
            if before is not None:
                others.append(self.verdict(noise, sign * before, seed).outcome == wanted)
        return {
            "wrong": wrong / comparisons,
            "bound": float(beta.ppf(0.95, wrong + 1, comparisons - wrong)),
            "own": float(np.mean(own)),
            "others": float(np.mean(others)),
            "detectable": float(np.median(detectable)),
            "unknown": 1 - len(own) / comparisons,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=2000, help="simulated comparisons of each shape")
    parser.add_argument("--samples", type=int, default=1000, help="bootstrap samples of every interval")
    parser.add_argument("--only", nargs="*", default=[""], help="shapes whose names hold one of these")
    options = parser.parse_args()
    started, met = time.perf_counter(), True
    print("| noise and test set | called without a difference (upper bound) | smallest detectable, median ", end="")
    print("| called: own report | another's report | no report |\n|---|---|---|---|---|---|")
    for shape in SHAPES:
        if not any(each in shape.name for each in options.only):
            continue
        row = Simulation(shape, options.samples).run(options.comparisons)
        met &= row["bound"] <= WRONG_LIMIT and min(row["own"], row["others"]) >= FOUND_LIMIT
        print(
            f"| {shape.name} | {row['wrong']:.1%} ({row['bound']:.1%}) | {row['detectable']:.3f} "
            f"| {row['own']:.1%} | {row['others']:.1%} | {row['unknown']:.1%} |",
            flush=True,
        )
    print(f"\n{'Every' if met else 'NOT every'} row meets both limits; {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
