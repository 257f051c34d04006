"""The learned mix of a reranker's score with the retriever's rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.json_files import read_record, write_json
from llama_index_rerank_tuner.metrics import score_rankings
from llama_index_rerank_tuner.reranking.folds import folds_over_groups

MIX_FILE = "mix.json"
WEIGHTS = tuple(round(step * 0.05, 2) for step in range(21))
METRIC = "nDCG@10"


@dataclass(frozen=True, slots=True)
class RankMix:
    """How much of the final order is the reranker's, and how much the retriever's.

    The two are brought to one scale within each list: the reranker's scores, and minus the logarithm of the
    retriever's rank, both standardised. ``weight`` is the reranker's share: 1 is its score alone, and 0 keeps the
    retriever's order, so a weak reranker falls back to the retriever rather than below it.

    Args:
        weight: Share of the reranker's score, 0 to 1.
        retriever: Name of the retriever whose ranks it was fitted on.
        evidence: What it was fitted on: number of questions, and nDCG@10 out of fold.

    Raises:
        ConfigError: The weight is not between 0 and 1.

    Example:
        >>> RankMix(weight=0.0).combine(np.array([0.1, 0.9, 0.5])).argsort()[::-1].tolist()
        [0, 1, 2]
        >>> RankMix(weight=1.0).combine(np.array([0.1, 0.9, 0.5])).argsort()[::-1].tolist()
        [1, 2, 0]
    """

    weight: float
    retriever: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise ConfigError(f"The weight of a mix is between 0 and 1, got {self.weight}.")

    def combine(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mix ``n`` scores, given in the retriever's order, with their ranks; shape ``(n,)``, higher is better."""
        ranks = np.arange(1, len(scores) + 1, dtype=np.float64)
        return self.weight * _standardised(scores) + (1 - self.weight) * _standardised(-np.log2(ranks + 1))

    def save(self, checkpoint: str | Path) -> None:
        """Write ``mix.json`` into a checkpoint directory."""
        write_json(Path(checkpoint) / MIX_FILE, self)

    @classmethod
    def load(cls, checkpoint: str | Path) -> RankMix | None:
        """Read the mix of a checkpoint; None where none was fitted.

        Raises:
            DataError: The file is there but is not a mix.
        """
        return read_record(cls, Path(checkpoint) / MIX_FILE, "a mix", "Remove the file to serve without it.")


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = values.std() if len(values) else 0.0
    centred: NDArray[np.float64] = values - values.mean() if len(values) else values
    return centred / spread if spread > 0 else centred


@dataclass(frozen=True, slots=True)
class ScoredList:
    """A validation question as the mix sees it.

    Args:
        query_id: The question.
        group: Its source document: folds never cut one.
        keys: ``n`` candidate keys in the retriever's order.
        scores: The reranker's ``n`` logits for them.
        qrels: Passage key to grade, the positives that retrieval missed included.
    """

    query_id: str
    group: str
    keys: tuple[str, ...]
    scores: NDArray[np.float64]
    qrels: Mapping[str, int]


def fit_mix(lists: Sequence[ScoredList], retriever: str | None = None, folds: int = 5, seed: int = 0) -> RankMix:
    """Choose the weight that gives the best nDCG@10, cross-fitted over groups.

    The weight is the mean of the folds' choices, each made without its fold; the stored nDCG@10 is that of every
    question under the weight chosen without it. Where that is no better than the retriever's, the weight is 0.

    Args:
        lists: Scored validation questions.
        retriever: Name of the retriever whose order the lists are in.
        folds: Number of folds; fewer where there are fewer groups.
        seed: Shuffles the groups.

    Raises:
        DataError: There are under two groups to cross-fit on.
        ConfigError: There are under two folds.
    """
    quality = np.array([_ndcg_under(RankMix(weight), lists) for weight in WEIGHTS])
    chosen, out_of_fold = [], np.empty(len(lists))
    for fitted, judged in folds_over_groups([each.group for each in lists], "mix", folds, seed):
        best = int(quality[:, fitted].mean(axis=1).argmax())
        chosen.append(WEIGHTS[best])
        out_of_fold[judged] = quality[best, judged]
    evidence = {
        "questions": len(lists),
        "groups": len({each.group for each in lists}),
        "fold_weights": chosen,
        f"{METRIC} mixed, out of fold": float(out_of_fold.mean()),
        f"{METRIC} reranker alone": float(quality[-1].mean()),
        f"{METRIC} retriever": float(quality[0].mean()),
    }
    helps = out_of_fold.mean() > quality[0].mean()
    return RankMix(round(float(np.mean(chosen)), 3) if helps else 0.0, retriever, evidence)


def _ndcg_under(mix: RankMix, lists: Sequence[ScoredList]) -> list[float]:
    qrels = {each.query_id: each.qrels for each in lists}
    rankings = {
        each.query_id: [each.keys[i] for i in np.argsort(-mix.combine(each.scores), kind="stable")] for each in lists
    }
    scores = score_rankings(qrels, rankings, [METRIC])[METRIC]
    return [scores[each.query_id] for each in lists]
