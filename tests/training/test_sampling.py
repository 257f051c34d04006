"""Steps of rows of like length."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss
from transformers import TrainerCallback

from llama_index_rerank_tuner.batching import padding_share, plan_batches
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.training.batches.sampling import LengthGroupedSteps, length_grouped_steps, row_lengths
from llama_index_rerank_tuner.training.batches.steps import SharedSteps
from llama_index_rerank_tuner.training.losses.lists import TrainingRows
from llama_index_rerank_tuner.training.run.processes import Processes
from tests.conftest import WORDS

# Tokens of 120 pairs as real corpora have them: most short, a long tail (logarithms normal around 90, deviation 0.7).
LONG_TAILED = [
    56, 183, 110, 62, 154, 67, 255, 78, 60, 127, 73, 47, 212, 120, 36, 26, 218, 91, 130, 52, 90, 180, 65, 75, 50, 256,
    48, 152, 256, 57, 93, 69, 28, 44, 118, 146, 85, 70, 96, 205, 149, 33, 81, 256, 62, 101, 77, 49, 163, 40, 122, 256,
    88, 54, 71, 135, 29, 240, 108, 66, 58, 94, 187, 45, 79, 256, 112, 61, 38, 83, 141, 53, 98, 230, 31, 74, 167, 87,
    59, 125, 42, 104, 256, 68, 51, 90, 158, 76, 115, 34, 63, 198, 86, 47, 133, 256, 55, 80, 100, 64, 39, 174, 92, 72,
    46, 147, 84, 119, 57, 222, 67, 95, 35, 107, 50, 82, 256, 60, 128, 43,
]  # fmt: skip


def padding_of(steps: LengthGroupedSteps, lengths: list[int]) -> float:
    return padding_share(lengths, list(steps))


def test_padding_is_under_a_tenth_on_long_tailed_lengths() -> None:
    steps = LengthGroupedSteps([[length] for length in LONG_TAILED], pairs_per_step=8)
    as_they_come = [list(range(start, start + 8)) for start in range(0, 120, 8)]
    assert padding_share(LONG_TAILED, as_they_come) > 0.4
    for epoch in range(5):
        steps.set_epoch(epoch)
        assert padding_of(steps, LONG_TAILED) < 0.1


def test_padding_is_under_a_tenth_in_lists_too_where_a_step_is_computed_in_planned_batches() -> None:
    lists = [LONG_TAILED[start : start + 6] for start in range(0, 120, 6)]
    computed = real = 0
    for step in LengthGroupedSteps(lists, pairs_per_step=18):
        lengths = [length for row in step for length in lists[row]]
        computed += sum(len(batch) * max(lengths[i] for i in batch) for batch in plan_batches(lengths, 2048))
        real += sum(lengths)
    assert 1 - real / computed < 0.1


ROWS = st.lists(st.lists(st.integers(1, 400), min_size=1, max_size=9), min_size=1, max_size=60)


@settings(max_examples=60)
@given(ROWS, st.integers(1, 40), st.integers(0, 5))
def test_each_row_comes_once_in_as_many_steps_every_epoch(
    rows: list[list[int]], pairs_per_step: int, seed: int
) -> None:
    steps = LengthGroupedSteps(rows, pairs_per_step, seed)
    for epoch in range(3):
        steps.set_epoch(epoch)
        drawn = list(steps)
        assert len(drawn) == len(steps)
        assert sorted(chain(*drawn)) == list(range(len(rows)))
        assert min(map(len, drawn)) >= 1


def test_steps_hold_as_many_whole_rows_as_fit_and_differ_by_one() -> None:
    lists = [[50 + index] * 6 for index in range(40)]
    sizes = {len(step) for step in LengthGroupedSteps(lists, pairs_per_step=16)}
    assert sizes == {2}
    assert {len(step) for step in LengthGroupedSteps(lists[:39], pairs_per_step=24)} <= {3, 4}


def test_steps_hold_like_numbers_of_pairs_where_rows_differ_in_size() -> None:
    rows = [[length] * (1 + index % 5) for index, length in enumerate(LONG_TAILED)]
    pairs = [sum(len(rows[row]) for row in step) for step in LengthGroupedSteps(rows, pairs_per_step=20)]
    assert len(pairs) == 20
    assert all(abs(each - 360 / 20) < 5 for each in pairs)


def test_a_huge_row_leaves_none_of_the_other_steps_empty() -> None:
    rows = [[9], [10] * 100, [11], [12], [13]]
    assert sorted(map(len, LengthGroupedSteps(rows, pairs_per_step=21))) == [1, 1, 1, 1, 1]


def test_seed_and_epoch_alone_decide_the_steps() -> None:
    def drawn(seed: int, epoch: int) -> list[list[int]]:
        steps = LengthGroupedSteps([[length] for length in LONG_TAILED], 8, seed)
        steps.set_epoch(epoch)
        return list(steps)

    first = drawn(0, 0)
    assert drawn(0, 0) == first
    together = {frozenset(step) for step in first}
    assert len(together & {frozenset(step) for step in drawn(0, 1)}) <= 3
    assert len(together & {frozenset(step) for step in drawn(1, 0)}) <= 3


def test_the_longest_step_opens_the_first_epoch_and_the_order_is_mixed() -> None:
    steps = LengthGroupedSteps([[length] for length in LONG_TAILED], 8)
    longest = [max(LONG_TAILED[row] for row in step) for step in steps]
    assert longest[0] == 256
    assert longest[1:] not in (sorted(longest[1:]), sorted(longest[1:], reverse=True))


def test_processes_get_as_many_steps_and_shares_of_like_cost() -> None:
    shares = [
        list(SharedSteps(LengthGroupedSteps([[length] for length in LONG_TAILED], 8), Processes(index, 2)))
        for index in (0, 1)
    ]
    assert [len(each) for each in shares] == [15, 15]
    assert sorted(row for each in shares for share in each for row in share.rows) == list(range(120))
    for first, second in zip(*shares, strict=True):
        longest = [max(LONG_TAILED[row] for row in share.rows) for share in (first, second)]
        assert longest[1] >= longest[0] >= 0.7 * longest[1]


@pytest.mark.parametrize(
    ("rows", "pairs_per_step", "message"),
    [
        ([], 8, "no training rows"),
        ([[3]], 0, "pairs_per_step must be a positive integer, got 0"),
        ([[3], []], 8, "row 1 has no passage"),
    ],
)
def test_rows_that_cannot_be_cut_into_steps_are_refused(
    rows: list[list[int]], pairs_per_step: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        LengthGroupedSteps(rows, pairs_per_step)


def test_lengths_are_those_the_model_reads(tiny_cross_encoder: str) -> None:
    model = CrossEncoder(tiny_cross_encoder, max_length=10)
    rows = [
        {"query": "what fee", "docs": ["rule", "city fee rule " * 5], "label": [1.0, 0.0]},
        {"query": "who", "passage": "a cat or a dog", "label": 1.0},
    ]
    assert row_lengths(model, rows) == [[2 + 1 + 3, 10], [1 + 5 + 3]]


@pytest.fixture
def trained(tiny_cross_encoder: str, tmp_path: Path) -> Any:
    """Trains the tiny model on 12 rows, 3 a step for 2 epochs; returns the rows of each step."""
    queries = [f"{word} fee" for word in WORDS[:12]]

    def train(name: str, resume: bool = False, stop_after: int | None = None) -> list[list[str]]:
        seen: list[list[str]] = []

        class Recording(BinaryCrossEntropyLoss):
            def forward(self, inputs: Any, labels: Any, **kwargs: Any) -> Any:
                seen.append(list(inputs[0]))
                return super().forward(inputs, labels, **kwargs)

        class Stop(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                if state.global_step == stop_after:
                    control.should_training_stop = control.should_save = True

        model = CrossEncoder(tiny_cross_encoder)
        rows = [{"query": q, "passage": "rule " * (1 + i), "label": float(i % 2)} for i, q in enumerate(queries)]
        steps = length_grouped_steps(model, TrainingRows("bce", rows, 0), pairs_per_step=3, seed=7)
        arguments = CrossEncoderTrainingArguments(
            output_dir=str(tmp_path / name),
            num_train_epochs=2,
            batch_sampler=_Given(steps),
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        )
        trainer = CrossEncoderTrainer(
            model=model,
            args=arguments,
            train_dataset=Dataset.from_list(rows),
            loss=Recording(model),
            callbacks=[Stop()],
        )
        trainer.train(resume_from_checkpoint=resume)
        return seen

    return train


class _Given:
    """What ``CrossEncoderTrainingArguments`` takes for a batch sampler: something that makes one."""

    def __init__(self, steps: LengthGroupedSteps) -> None:
        self.steps = steps

    def __call__(self, dataset: Any, **settings: Any) -> LengthGroupedSteps:
        return self.steps


def test_the_trainer_takes_every_row_once_an_epoch_in_other_company_and_finds_its_place_again(trained: Any) -> None:
    whole = trained("whole")
    assert [len(step) for step in whole] == [3] * 8
    first, second = ([frozenset(step) for step in part] for part in (whole[:4], whole[4:]))
    assert len(frozenset().union(*first)) == len(frozenset().union(*second)) == 12
    assert set(first) != set(second)
    before = trained("cut", stop_after=6)
    assert len(before) == 6
    assert before + trained("cut", resume=True) == whole
