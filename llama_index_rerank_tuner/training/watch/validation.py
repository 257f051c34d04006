"""Looking at a model in training: how it ranks each validation question's list, and how its scores lie."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sentence_transformers.base.evaluation import BaseEvaluator
from torch.nn import Identity

from llama_index_rerank_tuner.metrics import score_rankings
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.reranking.backends import default_batch_size
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.model.hardware import TrainingHardware
from llama_index_rerank_tuner.training.watch.looks import METRIC, Look
from llama_index_rerank_tuner.training.watch.measuring import ScoredQuestion, chance_ndcg, score_figures

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

__all__ = ["GIVEN", "METRIC", "RETRIEVED", "RankingEvaluator", "ranked_passages"]

logger = logging.getLogger(__name__)
GIVEN, RETRIEVED = "given passages", "retrieved candidates"


class RankingEvaluator(BaseEvaluator):
    """Looks at a cross-encoder over the questions' lists; positives that retrieval missed count against it.

    A question is ranked over its ``candidates`` where it has them, else over its own positives and negatives, which is
    easier. ``lists`` says which: what was chosen on given passages is no measure of the app.

    Args:
        examples: Validation questions with at least one positive.
        contract: How the texts are made.
        hardware: Precision to score in.
        guard: Questions of another subject (``guard_examples``), looked at before training and once an epoch.
    """

    def __init__(
        self,
        examples: Sequence[RerankExample],
        contract: TextContract,
        hardware: TrainingHardware,
        guard: Sequence[RerankExample] = (),
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # upstream leaves it without annotations
        self.primary_metric = METRIC
        self.hardware = hardware
        self.validation, self.guard = _Lists(examples, contract), _Lists(guard, contract)
        given = sum(example.candidates is None for example in examples)
        self.lists = GIVEN if given == len(examples) else RETRIEVED if given == 0 else f"{RETRIEVED} and {GIVEN}"
        self._guarded_epoch = -1

    def __call__(  # type: ignore[override]  # a cross-encoder is the only model that a pair can be given to
        self, model: CrossEncoder, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        """Score the model; returns ``Look.metrics()``, with an nDCG@10 of 0 where there is nothing to rank.

        Scores that are NaN or infinite raise nothing: they are counted under ``broken``.
        """
        return self.look(model, max(steps, 0), max(epoch, 0.0)).metrics()

    def look(self, model: CrossEncoder, step: int = 0, epoch: float = 0.0) -> Look:
        """Score the model at a step of its training."""
        logits = self._logits(model, self.validation)
        broken = int((~np.isfinite(logits)).sum())
        if broken or not len(logits):
            return Look(step, epoch, 0.0, questions=len(self.validation.passages), broken=broken)
        figures = {**self.validation.ranking_figures(logits), **self._guard_figures(model, epoch)}
        return Look(step, epoch, questions=len(self.validation.passages), **figures)  # type: ignore[arg-type]

    def _guard_figures(self, model: CrossEncoder, epoch: float) -> dict[str, float]:
        if not self.guard.pairs or (epoch > 0 and math.floor(epoch) <= self._guarded_epoch):
            return {}
        self._guarded_epoch = math.floor(epoch)
        logits = self._logits(model, self.guard)
        if not np.isfinite(logits).all():
            return {}
        return {"guard": self.guard.ranking_figures(logits)["ndcg"], "guard_chance": self.guard.chance}

    def _logits(self, model: CrossEncoder, lists: _Lists) -> NDArray[np.float64]:
        """Logits of all pairs, shape ``(pairs,)``."""
        if not lists.pairs:
            return np.empty(0)
        training = model.training
        model.eval()
        try:
            with self.hardware.autocast():
                logits = model.predict(
                    lists.pairs, batch_size=default_batch_size(model), activation_fn=Identity(), show_progress_bar=False
                )
        finally:
            model.train(training)
        return np.asarray(logits, dtype=np.float64).reshape(-1)


class _Lists:
    """Questions with the passages that each is ranked over, flat as the pairs that a model scores."""

    def __init__(self, examples: Sequence[RerankExample], contract: TextContract) -> None:
        self.qrels = {example.query_id: example.qrels for example in examples}
        self.passages = {example.query_id: ranked_passages(example) for example in examples}
        self.pairs = [
            (contract.query_text(example.query), contract.passage_text(passage.text))
            for example in examples
            for passage in self.passages[example.query_id]
        ]

    def ranking_figures(self, logits: NDArray[np.float64]) -> dict[str, float]:
        """``ndcg``, ``mrr`` and the figures of the scores."""
        ends = np.cumsum([len(found) for found in self.passages.values()])[:-1]
        scores = dict(zip(self.passages, np.split(logits, ends), strict=True))
        rankings = {query_id: _ranked(found, scores[query_id]) for query_id, found in self.passages.items()}
        by_metric = score_rankings(self.qrels, rankings, [METRIC, "MRR"])
        ndcg, mrr = (sum(by_metric[name].values()) / len(self.qrels) for name in (METRIC, "MRR"))
        scored = [ScoredQuestion(scores[query_id], self._positive(query_id)) for query_id in self.passages]
        return {"ndcg": ndcg, "mrr": mrr, **score_figures(scored)}

    @property
    def chance(self) -> float:
        """Mean nDCG@10 of a random order; a question's list must hold all of its positives."""
        positives = [self._positive(query_id) for query_id in self.passages]
        return sum(chance_ndcg(each) for each in positives) / len(positives)

    def _positive(self, query_id: str) -> NDArray[np.bool_]:
        grades = self.qrels[query_id]
        return np.array([grades.get(passage.key, 0) > 0 for passage in self.passages[query_id]], dtype=bool)


def ranked_passages(example: RerankExample) -> tuple[Passage, ...]:
    """What a question is ranked over: its candidates, or its given passages, negatives first so that ties cost."""
    return example.candidates if example.candidates is not None else (*example.negatives, *example.positives)


def _ranked(passages: Sequence[Passage], scores: NDArray[np.float64]) -> list[str]:
    return [passages[index].key for index in np.argsort(-scores, kind="stable")]
