"""Batches of like length within a budget: every pair once and in its place, counted, and nothing that is no number."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, ScoreError
from llama_index_rerank_tuner.reranking.backends import BatchedScorer, Features, PairTokenizer, batched


class Counting:
    """A backend whose logit is the sum of a pair's token numbers; it remembers the batches it was given."""

    name, token_budget, batch_cost = "counting", 60, 0

    def __init__(self, broken: float | None = None) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.broken = broken

    def logits(self, features: Features) -> NDArray[np.float32]:
        self.shapes.append(features["input_ids"].shape)
        sums = (features["input_ids"] * features["attention_mask"]).sum(axis=1).astype(np.float32)
        return sums if self.broken is None else np.full_like(sums, self.broken)


@pytest.fixture
def tokenizer(tiny_cross_encoder: str) -> PairTokenizer:
    return PairTokenizer.of_checkpoint(tiny_cross_encoder, 40)


PAIRS = [("what fee", "cat " * words) for words in (1, 30, 2, 90, 3, 29, 1, 35)]


def sums(tokenizer: PairTokenizer) -> list[float]:
    return [float(tokenizer([pair]).features["input_ids"].sum()) for pair in PAIRS]


def test_each_score_is_its_pairs(tokenizer: PairTokenizer) -> None:
    assert BatchedScorer(Counting(), tokenizer, "m")(PAIRS).tolist() == sums(tokenizer)


def test_no_batch_is_over_the_budget_or_wider_than_its_longest_pair(tokenizer: PairTokenizer) -> None:
    backend = Counting()
    BatchedScorer(backend, tokenizer, "m")(PAIRS)
    assert backend.shapes == [(1, 40), (1, 40), (1, 35), (1, 34), (1, 8), (1, 7), (2, 6)]


def test_batch_size_is_the_most_pairs_of_a_batch(tokenizer: PairTokenizer) -> None:
    backend = Counting()
    backend.batch_cost = 1_000
    BatchedScorer(backend, tokenizer, "m", batch_size=2)([("fee", "cat")] * 5)
    assert sorted(shape[0] for shape in backend.shapes) == [1, 2, 2]


def test_long_calls_are_tokenized_in_chunks(tokenizer: PairTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched, "CHUNK", 3)
    sizes: list[int] = []
    encode = tokenizer._encode
    tokenizer._encode = lambda pairs: (sizes.append(len(pairs)), encode(pairs))[1]
    scorer = BatchedScorer(Counting(), tokenizer, "m")
    assert scorer(PAIRS).tolist() == sums(tokenizer)
    assert sizes[:3] == [3, 3, 2]


def test_pairs_and_cut_pairs_are_counted(tokenizer: PairTokenizer) -> None:
    scorer = BatchedScorer(Counting(), tokenizer, "m")
    scorer(PAIRS)
    scorer(PAIRS[:1])
    assert (scorer.scored, scorer.truncated) == (9, 1)


def test_threads_get_their_own_scores_and_lose_no_count(tokenizer: PairTokenizer) -> None:
    scorer, expected = BatchedScorer(Counting(), tokenizer, "m"), sums(tokenizer)
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda number: scorer(PAIRS[: 1 + number % 8]).tolist(), range(80)))
    assert results == [expected[: 1 + number % 8] for number in range(80)]
    assert scorer.scored == 10 * sum(range(1, 9))
    assert scorer.truncated == 10 * 5


def test_no_pairs_give_no_scores(tokenizer: PairTokenizer) -> None:
    backend = Counting()
    assert BatchedScorer(backend, tokenizer, "m")([]).shape == (0,)
    assert backend.shapes == []


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_an_error(broken: float, tokenizer: PairTokenizer) -> None:
    with pytest.raises(ScoreError, match="my model gave 8 NaN or infinite scores for 8 passages"):
        BatchedScorer(Counting(broken), tokenizer, "my model")(PAIRS)


def test_a_batch_size_that_cannot_work_is_refused(tokenizer: PairTokenizer) -> None:
    with pytest.raises(ConfigError, match="batch_size must be a positive integer, got 0"):
        BatchedScorer(Counting(), tokenizer, "m", batch_size=0)


def test_the_progress_bar_counts_pairs(tokenizer: PairTokenizer, capsys: pytest.CaptureFixture[str]) -> None:
    BatchedScorer(Counting(), tokenizer, "m")(PAIRS)
    assert capsys.readouterr().err == ""
    BatchedScorer(Counting(), tokenizer, "m", show_progress=True)(PAIRS)
    assert "8/8" in capsys.readouterr().err
