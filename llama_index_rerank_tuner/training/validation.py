"""Choosing the best checkpoint: nDCG@10 over each validation question's list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sentence_transformers.base.evaluation import BaseEvaluator
from torch.nn import Identity

from llama_index_rerank_tuner.metrics import score_rankings
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.reranking.backends import default_batch_size, finite
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.hardware import TrainingHardware

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

METRIC = "nDCG@10"
GIVEN, RETRIEVED = "given passages", "retrieved candidates"


class RankingEvaluator(BaseEvaluator):
    """nDCG@10 of a cross-encoder over the questions' lists; positives that retrieval missed count against it.

    A question is ranked over its ``candidates`` where it has them, else over its own positives and negatives, which is
    easier. ``lists`` says which: what was chosen on given passages is no measure of the app.

    Args:
        examples: Validation questions with at least one positive.
        contract: How the texts are made.
        hardware: Precision to score in.
    """

    def __init__(
        self,
        examples: Sequence[RerankExample],
        contract: TextContract,
        hardware: TrainingHardware,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # upstream leaves it without annotations
        self.primary_metric = METRIC
        self.hardware = hardware
        self.qrels = {example.query_id: example.qrels for example in examples}
        self.passages = {example.query_id: ranked_passages(example) for example in examples}
        self.pairs = [
            (contract.query_text(example.query), contract.passage_text(passage.text))
            for example in examples
            for passage in self.passages[example.query_id]
        ]
        given = sum(example.candidates is None for example in examples)
        self.lists = GIVEN if given == len(examples) else RETRIEVED if given == 0 else f"{RETRIEVED} and {GIVEN}"

    def __call__(  # type: ignore[override]  # a cross-encoder is the only model that a pair can be given to
        self, model: CrossEncoder, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        """Score the model; returns ``{"nDCG@10": value}``, 0 where there is nothing to rank.

        Raises:
            ScoreError: The model has diverged.
        """
        if not self.pairs:
            return {METRIC: 0.0}
        training = model.training
        model.eval()
        with self.hardware.autocast():
            logits = model.predict(
                self.pairs, batch_size=default_batch_size(model), activation_fn=Identity(), show_progress_bar=False
            )
        model.train(training)
        scores = iter(finite(logits, "The model in training").tolist())
        rankings = {query_id: _ranked(found, scores) for query_id, found in self.passages.items()}
        by_query = score_rankings(self.qrels, rankings, [METRIC])[METRIC]
        return {METRIC: sum(by_query.values()) / len(by_query)}


def ranked_passages(example: RerankExample) -> tuple[Passage, ...]:
    """What a question is ranked over: its candidates, or its given passages, negatives first so that ties cost."""
    return example.candidates if example.candidates is not None else (*example.negatives, *example.positives)


def _ranked(passages: Sequence[Passage], scores: Iterator[float]) -> list[str]:
    scored = [(next(scores), passage.key) for passage in passages]
    return [key for _, key in sorted(scored, key=lambda pair: -pair[0])]
