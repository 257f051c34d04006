"""Settings: what they may be, and the TOML file they come from."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.training.losses.registry import LOSSES
from llama_index_rerank_tuner.training.settings.checks import KINDS, LossName
from llama_index_rerank_tuner.training.settings.config import ChosenConfig, FinetuneConfig

CHOSEN: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 16,
    "learning_rate": 4e-5,
    "loss": "listnet",
    "max_length": 192,
    "precision": "bf16",
    "gradient_accumulation": 1,
}

NUMBERS = st.floats(1e-9, 1e9)
COUNTS = st.integers(1, 10_000)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.none() | st.just("auto") | COUNTS,
        "batch_size": st.just("auto") | COUNTS,
        "learning_rate": st.just("auto") | NUMBERS,
        "warmup_steps": st.floats(0, 1) | COUNTS,
        "loss": st.sampled_from(["auto", *get_args(LossName)]),
        "precision": st.sampled_from(["auto", "fp32", "bf16", "fp16"]),
        "patience": st.none() | COUNTS,
        "save_steps": st.none() | COUNTS,
        "noise": st.floats(0, 1),
        "report_to": st.lists(st.text(min_size=1, alphabet=st.characters(codec="utf-8")), max_size=3).map(tuple),
    },
)


def test_every_setting_is_checked() -> None:
    assert set(KINDS) == {each.name for each in fields(FinetuneConfig)}


def test_the_losses_it_accepts_are_those_there_are() -> None:
    assert set(get_args(LossName)) == set(LOSSES)


def test_none_is_auto_and_a_single_tracker_is_a_list_of_one() -> None:
    config = FinetuneConfig(epochs=None, max_length=None, report_to="tensorboard")
    assert (config.epochs, config.max_length, config.report_to) == ("auto", "auto", ("tensorboard",))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("epochs", 0, 'epochs must be a positive integer or "auto", got 0.'),
        ("epochs", True, 'epochs must be a positive integer or "auto", got True.'),
        ("epochs", 2.0, 'epochs must be a positive integer or "auto", got 2.0.'),
        ("batch_size", None, 'batch_size must be a positive integer or "auto", got None.'),
        ("learning_rate", "4e-5", "learning_rate must be a positive number or \"auto\", got '4e-5'."),
        ("learning_rate", float("nan"), 'learning_rate must be a positive number or "auto", got nan.'),
        ("weight_decay", -0.1, "weight_decay must be a number of 0 or more, got -0.1."),
        ("warmup_steps", float("inf"), "warmup_steps must be a number of 0 or more, got inf."),
        ("precision", "fp8", "precision must be fp32, bf16, fp16 or \"auto\", got 'fp8'."),
        ("patience", 0, "patience must be a positive integer or None, got 0."),
        ("noise", 1.5, "noise must be a number from 0 to 1, got 1.5."),
        ("lora_rank", -1, "lora_rank must be an integer of 0 or more, got -1."),
        ("report_to", [""], "report_to must be a name or a list of names, got ('',)."),
        ("seed", "auto", "seed must be an integer of 0 or more, got 'auto'."),
    ],
)
def test_a_value_that_cannot_work_is_named_with_what_was_expected(name: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        FinetuneConfig(**{name: value})
    assert str(error.value) == words


def test_an_unknown_loss_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"loss must be bce, cross_entropy, .* or \"auto\", got 'triplet'"):
        FinetuneConfig(loss="triplet")  # type: ignore[arg-type]


def test_chosen_settings_have_nothing_left_to_choose() -> None:
    assert ChosenConfig(**CHOSEN).epochs == 3
    with pytest.raises(ConfigError, match=r'^max_length, precision must have a value here, not "auto"'):
        ChosenConfig(**{**CHOSEN, "max_length": None, "precision": "auto"})


def test_overriding_checks_the_new_value() -> None:
    with pytest.raises(ConfigError, match="epochs"):
        FinetuneConfig().overridden(epochs=0)


def test_settings_go_into_json() -> None:
    written = json.loads(json.dumps(FinetuneConfig(report_to="tensorboard").to_dict()))
    assert (written["epochs"], written["report_to"]) == ("auto", ["tensorboard"])


@pytest.mark.parametrize("header", ["[finetune]\n", ""])
def test_a_file_holds_the_settings_in_its_table_or_at_its_top(tmp_path: Path, header: str) -> None:
    path = tmp_path / "train.toml"
    path.write_text(header + 'epochs = 3\nloss = "ranknet"\npatience = "none"\nreport_to = ["tensorboard"]\n')
    assert FinetuneConfig.from_toml(path) == FinetuneConfig(
        epochs=3, loss="ranknet", patience=None, report_to=("tensorboard",)
    )


@given(SETTINGS)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, chosen: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("settings") / "train.toml"
    config = FinetuneConfig(**chosen)
    config.to_toml(path)
    assert FinetuneConfig.from_toml(path) == config


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("learning_rat = 1e-5", "there is no setting 'learning_rat'. Did you mean 'learning_rate'?"),
        ("[finetune]\nmax-length = 128", "there is no setting 'max-length'. Did you mean 'max_length'?"),
        ("xyzzy = 1", "there is no setting 'xyzzy'. The settings are: epochs, batch_size, "),
        ('epochs = "three"', "epochs must be a positive integer or \"auto\", got 'three'. Correct it, or leave it out"),
        ("noise = true", "noise must be a number from 0 to 1, got True."),
        ("epochs = [3]", 'epochs must be a positive integer or "auto", got (3,).'),
        ("seed = 2026-01-01", "seed must be an integer of 0 or more, got datetime.date(2026, 1, 1)."),
        ("finetune = 3", "'finetune' is 3; expected a table [finetune] of settings."),
        ("epochs: 3", "not a TOML file ("),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_key_and_the_fix(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "train.toml"
    path.write_text(content)
    with pytest.raises(ConfigError) as error:
        FinetuneConfig.from_toml(path)
    assert str(error.value).startswith(f"{path}: {words}")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no settings file .*missing\.toml"):
        FinetuneConfig.from_toml(tmp_path / "missing.toml")
