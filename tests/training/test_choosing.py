"""Settings that choose themselves: each value and each reason, from plain numbers."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.training.settings.choosing import Choices, choose
from llama_index_rerank_tuner.training.settings.config import FinetuneConfig
from llama_index_rerank_tuner.training.settings.facts import TrainingFacts

AUTO = FinetuneConfig(**dict.fromkeys(("batch_size", "learning_rate"), "auto"))  # type: ignore[arg-type]
FACTS = TrainingFacts(
    questions=400,
    parameters=22_700_000,
    longest_pair=512,
    data_loss="listnet",
    data_loss_reason="every question has negatives",
    lengths=(90, 120, 187),
)
CHOSEN = (
    "epochs",
    "learning_rate",
    "loss",
    "max_length",
    "precision",
    "batch_size",
    "gradient_accumulation",
)


def chosen(config: FinetuneConfig = AUTO, **facts: Any) -> Choices:
    return choose(config, replace(FACTS, **facts))


@pytest.mark.parametrize(
    ("questions", "as_it_is", "warmed"),
    [(1, 8, 5), (999, 8, 5), (1_000, 3, 2), (9_999, 3, 2), (10_000, 2, 1), (99_999, 2, 1), (100_000, 1, 1)],
)
def test_epochs_follow_the_number_of_questions(questions: int, as_it_is: int, warmed: int) -> None:
    assert chosen(questions=questions).settings.epochs == as_it_is
    assert chosen(questions=questions, new_head=True, warm_start=True).settings.epochs == warmed


def test_the_reason_for_the_epochs_tells_of_early_stopping_where_it_is_on() -> None:
    warmed = chosen(warm_start=True, new_head=True).reasons["epochs"]
    assert warmed == "400 training questions after a warm start, stopping after 3 validations without gain"
    assert chosen(replace(AUTO, patience=None), questions=12_000).reasons["epochs"] == "12,000 training questions"


@pytest.mark.parametrize(
    ("parameters", "fresh", "warmed", "trained"),
    [
        (22_700_000, 5e-5, 4e-5, 3e-5),
        (149_000_000, 4e-5, 3e-5, 2e-5),
        (278_000_000, 3e-5, 2e-5, 1e-5),
        (568_000_000, 2e-5, 1e-5, 1e-5),
    ],
)
def test_the_learning_rate_falls_with_size_and_with_what_the_head_has_learnt(
    parameters: int, fresh: float, warmed: float, trained: float
) -> None:
    assert chosen(parameters=parameters, new_head=True).settings.learning_rate == fresh
    assert chosen(parameters=parameters, new_head=True, warm_start=True).settings.learning_rate == warmed
    assert chosen(parameters=parameters).settings.learning_rate == trained


def test_the_reason_for_the_learning_rate_names_size_head_and_lora() -> None:
    assert chosen(new_head=True).reasons["learning_rate"] == "23 million weights; a new head without a warm start"
    lora = chosen(replace(AUTO, lora_rank=8))
    assert lora.settings.learning_rate == pytest.approx(3e-4)
    assert lora.reasons["learning_rate"] == "23 million weights; a head that ranks already; 10 times as much for LoRA"


@pytest.mark.parametrize(
    ("device", "lengths", "longest_pair", "length", "reason"),
    [
        ("cuda", (90, 120, 187), 512, 192, "99 % of 3 measured pairs have at most 187 tokens; 0.0 % are cut"),
        ("cuda", (64,) * 99 + (500,), 512, 64, "99 % of 100 measured pairs have at most 64 tokens; 1.0 % are cut"),
        (
            "cuda",
            (600,) * 3 + (100,),
            512,
            512,
            "99 % of 4 measured pairs have at most 600 tokens; the model and its text contract read no more; "
            "75.0 % are cut",
        ),
        (
            "cpu",
            (100, 400, 300, 200),
            512,
            256,
            "99 % of 4 measured pairs have at most 400 tokens; longer ones are slow on a CPU; 50.0 % are cut",
        ),
        (
            "cpu",
            (600,),
            130,
            130,
            "99 % of 1 measured pairs have at most 600 tokens; the model and its text contract read no more; "
            "100.0 % are cut",
        ),
    ],
)
def test_the_length_holds_the_pairs_up_to_what_model_and_device_allow(
    device: str, lengths: tuple[int, ...], longest_pair: int, length: int, reason: str
) -> None:
    made = chosen(device=device, lengths=lengths, longest_pair=longest_pair)
    assert (made.settings.max_length, made.reasons["max_length"]) == (length, reason)


@pytest.mark.parametrize(
    ("device", "bf16", "fp16", "precision"),
    [
        ("cpu", True, False, "bf16"),
        ("cuda", True, True, "bf16"),
        ("cuda", False, True, "fp16"),
        ("mps",) + (False,) * 2 + ("fp32",),
    ],
)
def test_the_precision_is_the_fastest_that_the_device_has(device: str, bf16: bool, fp16: bool, precision: str) -> None:
    assert chosen(device=device, bf16=bf16, fp16=fp16).settings.precision == precision


@pytest.mark.parametrize(
    ("largest_batch", "processes", "batch_size", "steps", "effective"),
    [
        (None, 1, 16, 1, 16),
        (16, 1, 16, 1, 16),
        (1_000, 1, 16, 1, 16),
        (15, 1, 8, 2, 16),
        (9, 1, 8, 2, 16),
        (4, 1, 4, 4, 16),
        (3, 1, 3, 5, 15),
        (1, 1, 1, 16, 16),
        (64, 2, 8, 1, 16),
        (5, 2, 4, 2, 16),
        (64, 32, 1, 1, 32),
    ],
)
def test_a_step_holds_what_memory_allows_and_steps_add_up_to_the_effective_batch(
    largest_batch: int | None, processes: int, batch_size: int, steps: int, effective: int
) -> None:
    made = chosen(largest_batch=largest_batch, processes=processes)
    assert (made.settings.batch_size, made.settings.gradient_accumulation) == (batch_size, steps)
    assert made.reasons["gradient_accumulation"].endswith(f"an effective batch of {effective}")


def test_a_given_batch_or_accumulation_leaves_the_other_to_follow() -> None:
    by_batch = chosen(replace(AUTO, batch_size=4), largest_batch=64)
    assert (by_batch.settings.batch_size, by_batch.settings.gradient_accumulation) == (4, 4)
    by_steps = chosen(replace(AUTO, gradient_accumulation=8), largest_batch=64)
    assert (by_steps.settings.batch_size, by_steps.settings.gradient_accumulation) == (2, 8)
    larger = chosen(replace(AUTO, batch_size=64))
    assert (larger.settings.batch_size, larger.settings.gradient_accumulation) == (64, 1)


def test_the_batch_says_when_memory_was_not_probed() -> None:
    assert chosen().reasons["batch_size"] == "an effective batch of 16; memory was not probed"
    assert chosen(largest_batch=1_000).reasons["batch_size"] == "an effective batch of 16; memory holds 1,000 pairs"
    assert chosen(largest_batch=9).reasons["batch_size"] == "memory holds 9 pairs, 2 steps make an effective batch"


def test_what_is_given_wins_and_says_so() -> None:
    config = FinetuneConfig(
        epochs=1,
        batch_size=5,
        learning_rate=7e-4,
        loss="bce",
        max_length=100,
        precision="fp32",
        gradient_accumulation=3,
    )
    made = choose(config, replace(FACTS, lengths=(), bf16=True, largest_batch=2))
    assert made.settings.to_dict() == config.to_dict()
    assert made.reasons == dict.fromkeys(CHOSEN, "given")
    assert made.lines() == []


def test_a_given_length_beyond_the_model_is_cut_to_it_and_says_so() -> None:
    made = chosen(replace(AUTO, max_length=1_024))
    assert made.settings.max_length == 512
    assert made.reasons["max_length"] == "1024 was given; the model and its text contract read 512 at most"


def test_fp16_on_a_cpu_is_refused() -> None:
    with pytest.raises(ConfigError, match="precision fp16 needs a GPU"):
        chosen(replace(AUTO, precision="fp16"))


def test_a_length_cannot_be_chosen_without_lengths() -> None:
    with pytest.raises(ConfigError, match="no pair lengths"):
        chosen(lengths=())


def test_settings_without_a_choice_stay_as_they_are() -> None:
    config = replace(AUTO, seed=7, noise=0.2, patience=None, report_to=("tensorboard",), lora_rank=4)
    made = chosen(config).settings.to_dict()
    for each in fields(FinetuneConfig):
        if each.name not in CHOSEN:
            assert made[each.name] == getattr(config, each.name), each.name


def test_choices_go_into_json() -> None:
    made = json.loads(json.dumps(chosen().to_dict()))
    assert tuple(made["reasons"]) == CHOSEN
    assert made["settings"]["loss"] == "listnet"
    assert made["reasons"]["loss"] == "every question has negatives"


@given(
    effective=st.integers(1, 300),
    largest=st.none() | st.integers(1, 400),
    processes=st.integers(1, 9),
    questions=st.integers(1, 10**7),
    lengths=st.lists(st.integers(1, 9_000), min_size=1, max_size=30),
    longest_pair=st.integers(1, 8_192),
    parameters=st.integers(1, 10**11),
)
@settings(deadline=None)
def test_the_choices_keep_to_their_bounds(
    effective: int,
    largest: int | None,
    processes: int,
    questions: int,
    lengths: list[int],
    longest_pair: int,
    parameters: int,
) -> None:
    made = chosen(
        replace(AUTO, effective_batch_size=effective),
        questions=questions,
        lengths=tuple(lengths),
        longest_pair=longest_pair,
        parameters=parameters,
        largest_batch=largest,
        processes=processes,
    ).settings
    assert 1 <= made.epochs <= 10
    assert 1e-5 <= made.learning_rate <= 5e-5
    assert made.max_length <= min(longest_pair, 256)
    assert made.max_length in (longest_pair, 256) or max(lengths) <= made.max_length < max(lengths) + 8
    assert largest is None or made.batch_size <= largest
    reached = made.batch_size * made.gradient_accumulation * processes
    assert effective / 1.5 <= reached < 2 * effective + processes
