"""The validation questions as pairs to score, and what a ranking of them is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.splitting.split import group_of
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.metrics import score_rankings
from llama_index_rerank_tuner.protocols import Scorer
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract

METRIC = "nDCG@10"
AT_ONCE = 16
"""Questions whose pairs are handed to a scorer together."""


@dataclass(frozen=True, slots=True)
class ParityQuestions:
    """Questions with the passages that each is ranked over.

    Args:
        passages: Question to its passages, in the retriever's order.
        pairs: Question to the texts that a model scores, in the same order.
        qrels: Question to passage key to grade.
        groups: Question to its source document.
        left_out: Questions that no ranking can change: nothing relevant is among their passages, or nothing else.
    """

    passages: Mapping[str, Sequence[Passage]]
    pairs: Mapping[str, Sequence[tuple[str, str]]]
    qrels: Mapping[str, Mapping[str, int]]
    groups: Mapping[str, str]
    left_out: int

    @classmethod
    def build(cls, dataset: RerankDataset, contract: TextContract, depth: int) -> ParityQuestions:
        """The questions of a data set, each over the first ``depth`` of its candidates.

        A question that was never given candidates is ranked over its own positives and negatives, as given.

        Raises:
            DataError: No question is left that a ranking can change.
        """
        lists = {example.query_id: _ranked_over(example, depth) for example in dataset}
        kept = [example for example in dataset if _tells(example, lists[example.query_id])]
        if not kept:
            problem = "no question has both a relevant passage and another one to rank"
            raise DataError("validation", problem, "Give it candidates: pass the app's retriever, or hard negatives.")
        return cls(
            passages={example.query_id: lists[example.query_id] for example in kept},
            pairs={example.query_id: _pairs(example, lists[example.query_id], contract) for example in kept},
            qrels={example.query_id: example.qrels for example in kept},
            groups={example.query_id: group_of(example) for example in kept},
            left_out=len(lists) - len(kept),
        )

    def scores(self, scorer: Scorer, title: str, show_progress: bool = False) -> dict[str, NDArray[np.float64]]:
        """Logits of every question's passages.

        Raises:
            ScoreError: The model gave a NaN or an infinite score.
        """
        scores: dict[str, NDArray[np.float64]] = {}
        ids = list(self.pairs)
        with tqdm(total=len(ids), desc=title, unit="question", disable=not show_progress) as bar:
            for start in range(0, len(ids), AT_ONCE):
                together = ids[start : start + AT_ONCE]
                logits = scorer([pair for each in together for pair in self.pairs[each]])
                ends = np.cumsum([len(self.pairs[each]) for each in together])[:-1]
                scores |= dict(zip(together, np.split(logits, ends), strict=True))
                bar.update(len(together))
        return scores

    def ndcg(self, scores: Mapping[str, NDArray[np.float64]]) -> dict[str, float]:
        """Each question's nDCG@10 when its passages are sorted by these logits; ties keep their order."""
        rankings = {
            question: [passages[index].key for index in np.argsort(-scores[question], kind="stable")]
            for question, passages in self.passages.items()
        }
        return score_rankings(self.qrels, rankings, [METRIC])[METRIC]


def _ranked_over(example: RerankExample, depth: int) -> tuple[Passage, ...]:
    """Negatives stand first among given passages, so that ties cost."""
    if example.candidates is not None:
        return example.candidates[:depth]
    return (*example.negatives, *example.positives)


def _tells(example: RerankExample, passages: Sequence[Passage]) -> bool:
    grades = example.qrels
    return len({grades.get(passage.key, 0) for passage in passages}) > 1


def _pairs(example: RerankExample, passages: Sequence[Passage], contract: TextContract) -> list[tuple[str, str]]:
    query = contract.query_text(example.query)
    return [(query, contract.passage_text(passage.text)) for passage in passages]
