"""The batch-size probe: the right number for any limit, an untouched model, and answers that are remembered."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import CrossEncoder

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.training.memory.probe import BatchSizeProbe, largest_fitting

BYTES_A_PAIR, MODEL_BYTES = 100, 1_000


@dataclass
class FakeMemory:
    """A device where a step takes 1,000 bytes and 100 a pair, and that refuses what passes its limit."""

    limit: int
    batches: list[int] = field(default_factory=list)

    @contextmanager
    def watched(self, model: CrossEncoder) -> Iterator[None]:
        seen: list[int] = []
        hook = model[0].register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0]["input_ids"])))
        try:
            yield
        finally:
            hook.remove()
            self.batches.append(sum(seen))
        if self.peak() > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    def peak(self) -> int:
        return MODEL_BYTES + BYTES_A_PAIR * self.batches[-1]


@pytest.fixture
def model(tiny_cross_encoder: str) -> CrossEncoder:
    return CrossEncoder(tiny_cross_encoder, device="cpu")


def probe(folder: Path, **settings: Any) -> BatchSizeProbe:
    return BatchSizeProbe(**{"length": 16, "most": 64, "margin": 1.0, "cache_folder": folder, **settings})


@given(true=st.integers(0, 5_000), most=st.integers(1, 3_000), step=st.sampled_from([1, 8]))
def test_the_search_ends_within_a_step_of_the_truth(true: int, most: int, step: int) -> None:
    tried: list[int] = []

    def fits(number: int) -> bool:
        tried.append(number)
        return number <= true

    found, best = largest_fitting(fits, most, step), min(true, most)
    assert 0 <= best - found < step
    assert (found == 0) is (best == 0)
    assert len(tried) == len(set(tried))
    assert all(1 <= number <= most for number in tried)


def test_the_search_doubles_and_then_narrows_by_eights() -> None:
    tried: list[int] = []
    largest_fitting(lambda number: tried.append(number) or number <= 45, most=100)
    assert tried == [1, 2, 4, 8, 16, 32, 64, 48, 40]


@pytest.mark.parametrize(("fitting", "found"), [(1, 1), (6, 6), (21, 16), (45, 40), (64, 64), (500, 64)])
def test_under_a_limit_it_finds_the_largest_batch_within_a_step(
    model: CrossEncoder, tmp_path: Path, fitting: int, found: int
) -> None:
    memory = FakeMemory(MODEL_BYTES + BYTES_A_PAIR * fitting)
    answer = probe(tmp_path, memory=memory).batch_size(model, "tiny")
    assert answer.batch_size == found
    assert answer.peak == MODEL_BYTES + BYTES_A_PAIR * found


def test_the_margin_stays_free(model: CrossEncoder, tmp_path: Path) -> None:
    """Of 3,000 bytes 93 % may be taken: 2,790, which 17 pairs do not fill."""
    assert probe(tmp_path, memory=FakeMemory(3_000), margin=0.93).batch_size(model, "tiny").batch_size == 16
    assert probe(tmp_path / "all", memory=FakeMemory(3_400), margin=1.0).batch_size(model, "tiny").batch_size == 24


def test_steps_are_on_pairs_of_the_full_length(model: CrossEncoder, tmp_path: Path) -> None:
    shapes = set()
    hook = model[0].register_forward_pre_hook(lambda _, inputs: shapes.add(inputs[0]["input_ids"].shape[1]))
    probe(tmp_path, memory=FakeMemory(1_400), length=37).batch_size(model, "tiny")
    hook.remove()
    assert shapes == {37}


def test_the_model_comes_out_as_it_went_in(model: CrossEncoder, tmp_path: Path) -> None:
    model.register_buffer("count", torch.tensor([3.0]))
    model.eval()
    model.model.bert.encoder.train()
    next(model.parameters()).grad = torch.ones_like(next(model.parameters()))
    model.model.classifier.bias.requires_grad_(False)
    before = {name: each.clone() for name, each in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    torch.manual_seed(7)
    expected_draw = torch.rand(3)
    torch.manual_seed(7)
    probe(tmp_path, memory=FakeMemory(2_000)).batch_size(model, "tiny")
    assert torch.equal(torch.rand(3), expected_draw)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    gradients = [each.grad for each in model.parameters()]
    assert torch.equal(gradients[0], torch.ones_like(gradients[0]))
    assert all(gradient is None for gradient in gradients[1:])
    assert not model.model.classifier.bias.requires_grad
    assert model.max_seq_length == 128


def test_the_steps_really_train(model: CrossEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the putting back, weights would have moved: the bit-for-bit test above can fail."""
    from llama_index_rerank_tuner.training.memory import probe as module

    monkeypatch.setattr(module, "_restore", lambda *_: None)
    before = model.model.classifier.weight.detach().clone()
    probe(tmp_path, memory=FakeMemory(2_000)).batch_size(model, "tiny")
    assert not torch.equal(model.model.classifier.weight, before)


def test_an_error_that_is_not_of_memory_is_not_hidden(model: CrossEncoder, tmp_path: Path) -> None:
    class Broken(FakeMemory):
        @contextmanager
        def watched(self, model: CrossEncoder) -> Iterator[None]:
            raise RuntimeError("shapes do not match")
            yield

    before = model.model.classifier.weight.detach().clone()
    with pytest.raises(RuntimeError, match="shapes do not match"):
        probe(tmp_path, memory=Broken(1)).batch_size(model, "tiny")
    assert torch.equal(model.model.classifier.weight, before)


def test_one_pair_that_does_not_fit_says_what_to_do(model: CrossEncoder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tiny does not fit.*one pair of 16 tokens.*Lower max_length.*LoRA.*smaller"):
        probe(tmp_path, memory=FakeMemory(1_050)).batch_size(model, "tiny")
    assert not (tmp_path / "batch_sizes.json").exists()


def test_an_answer_is_remembered(model: CrossEncoder, tmp_path: Path) -> None:
    first = probe(tmp_path, memory=FakeMemory(3_000)).batch_size(model, "tiny")
    again = FakeMemory(3_000)
    second = probe(tmp_path, memory=again).batch_size(model, "tiny")
    assert again.batches == []
    assert (second.batch_size, second.remembered, first.remembered) == (first.batch_size, True, False)
    assert "found on an earlier run" in second.reason


@pytest.mark.parametrize(
    ("other", "name", "limit"),
    [
        ({"length": 17}, "tiny", 3_000),
        ({}, "another model", 3_000),
        ({}, "tiny", 2_000),
        ({}, "tiny", 9_000),
    ],
    ids=["length", "model", "less memory", "more memory"],
)
def test_another_question_is_asked_anew(
    model: CrossEncoder, tmp_path: Path, other: dict[str, Any], name: str, limit: int
) -> None:
    probe(tmp_path, memory=FakeMemory(3_000)).batch_size(model, "tiny")
    memory = FakeMemory(limit)
    assert not probe(tmp_path, memory=memory, **other).batch_size(model, name).remembered
    assert memory.batches


def test_another_device_is_asked_anew(model: CrossEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from llama_index_rerank_tuner.training.memory import probed_batches

    probe(tmp_path, memory=FakeMemory(3_000)).batch_size(model, "tiny")
    monkeypatch.setattr(probed_batches, "device_name", lambda device: "NVIDIA H100")
    memory = FakeMemory(3_000)
    assert not probe(tmp_path, memory=memory).batch_size(model, "tiny").remembered


def test_fewer_trained_weights_are_asked_anew(model: CrossEncoder, tmp_path: Path) -> None:
    probe(tmp_path, memory=FakeMemory(3_000)).batch_size(model, "tiny")
    model.model.get_input_embeddings().requires_grad_(False)
    assert not probe(tmp_path, memory=FakeMemory(3_000)).batch_size(model, "tiny").remembered


@pytest.mark.parametrize(("most", "found", "remembered"), [(8, 8, True), (16, 16, True), (64, 64, False)])
def test_an_answer_capped_by_the_question_does_not_cap_a_larger_one(
    model: CrossEncoder, tmp_path: Path, most: int, found: int, remembered: bool
) -> None:
    probe(tmp_path, memory=FakeMemory(9_000), most=16).batch_size(model, "tiny")
    answer = probe(tmp_path, memory=FakeMemory(9_000), most=most).batch_size(model, "tiny")
    assert (answer.batch_size, answer.remembered) == (found, remembered)


def test_the_cache_folder_comes_from_the_environment(
    model: CrossEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RERANK_TUNER_CACHE", str(tmp_path / "cache"))
    probe(tmp_path, memory=FakeMemory(3_000), cache_folder=None).batch_size(model, "tiny")
    (answer,) = json.loads((tmp_path / "cache" / "batch_sizes.json").read_text()).values()
    assert answer["batch_size"] == 16


@pytest.mark.parametrize("content", ["not json", "[]", '{"x": 1}'])
def test_a_damaged_file_is_replaced(
    model: CrossEncoder, tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "batch_sizes.json").write_text(content)
    with caplog.at_level(logging.WARNING):
        assert probe(tmp_path, memory=FakeMemory(3_000)).batch_size(model, "tiny").batch_size == 16
    assert ("cannot be read" in caplog.text) is (content != '{"x": 1}')
    assert probe(tmp_path, memory=FakeMemory(3_000)).batch_size(model, "tiny").remembered


def test_a_cache_that_cannot_be_written_does_not_stop_training(
    model: CrossEncoder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    answer = probe(tmp_path / "file" / "folder", memory=FakeMemory(3_000)).batch_size(model, "tiny")
    assert answer.batch_size == 16
    assert "could not be remembered" in caplog.text


@pytest.mark.parametrize("setting", [{"length": 0}, {"most": 0}, {"margin": 0.0}, {"margin": 1.5}])
def test_impossible_settings_are_refused(tmp_path: Path, setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        probe(tmp_path, **setting)
