"""The losses against sentence-transformers' own: same value, same gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder import losses as upstream
from torch import Tensor, nn

from llama_index_rerank_tuner.training.losses import build_loss
from llama_index_rerank_tuner.training.losses.lists import TrainingRows
from tests.training.losses.lookup import lists

QUERIES = ["what fee", "who may file"]
RAGGED = [["rule", "city fee and the rule for a cat", "cat city", "tax"], ["fee " * 12, "rule", "the office"]]
EVEN = [["rule", "city fee and the rule for a cat", "cat city"], ["fee " * 12, "rule", "the office"]]
BINARY = [[10.0, 0.0, 0.0, 0.0], [0.0, 3.0, 0.0]]
GRADED = [[2.0, 3.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
COLUMNS = [QUERIES, *map(list, zip(*EVEN, strict=True))]
PAIRS = [["what fee"] * 4, ["rule", "city fee and the rule for a cat", "cat city", "fee " * 12]]


@pytest.fixture(scope="module")
def model(tiny_models: Any) -> CrossEncoder:
    """The tiny cross-encoder, its head thirty times as strong, so that scores and gradients are not all alike."""
    made = CrossEncoder(str(tiny_models["cross-encoder"]), device="cpu").eval()
    with torch.no_grad():
        made.model.classifier.weight.mul_(30)
    return made


def gradients(model: nn.Module, loss: Callable[[], Tensor]) -> tuple[float, Tensor]:
    model.zero_grad()
    value = loss()
    value.backward()
    return value.item(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def assert_equal(model: nn.Module, ours: Callable[[], Tensor], theirs: Callable[[], Tensor]) -> None:
    (value, gradient), (expected, direction) = gradients(model, ours), gradients(model, theirs)
    size = direction.norm().item()
    assert size > 1e-3
    assert value == pytest.approx(expected, rel=1e-5)
    assert (gradient - direction).abs().max() < 1e-5 * max(1.0, size)
    assert (gradient - direction).norm() < 3e-4 * size


def listed(model: Any, name: str, token_budget: int | None = 24) -> nn.Module:
    return build_loss(model, TrainingRows(name, [], 0), token_budget)


def tensors(labels: list[list[float]]) -> list[Tensor]:
    return [torch.tensor(each) for each in labels]


@pytest.mark.parametrize("token_budget", [1, 24, 4096])
@pytest.mark.parametrize("labels", [BINARY, GRADED])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [("listnet", upstream.ListNetLoss), ("lambda", upstream.LambdaLoss), ("ranknet", upstream.RankNetLoss)],
)
def test_list_losses(model: CrossEncoder, name: str, theirs: Any, labels: list[list[float]], token_budget: int) -> None:
    inputs, targets = [QUERIES, RAGGED], tensors(labels)
    ours, reference = listed(model, name, token_budget), theirs(model, mini_batch_size=-1)
    assert_equal(model, lambda: ours(inputs, targets), lambda: reference(inputs, targets))


def test_margin_mse(model: CrossEncoder) -> None:
    targets = tensors([[4.0, 1.0, -2.0], [0.5, 2.0, 0.0]])
    ours, theirs = listed(model, "margin_mse"), upstream.MarginMSELoss(model)
    assert_equal(model, lambda: ours([QUERIES, EVEN], targets), lambda: theirs(COLUMNS, targets))


def test_mse(model: CrossEncoder) -> None:
    labels = torch.tensor([4.0, 1.0, -2.0, 0.5])
    ours, theirs = listed(model, "mse"), upstream.MSELoss(model)
    assert_equal(model, lambda: ours(PAIRS, labels), lambda: theirs(PAIRS, labels))


def test_bce_with_the_weight_from_the_ratio(model: CrossEncoder) -> None:
    labels = torch.tensor([1.0, 0.0, 0.0, 0.0])
    rows = [{"query": "q", "passage": "p", "label": label} for label in labels.tolist()]
    ours = build_loss(model, TrainingRows("bce", rows, 0), 3)
    theirs = upstream.BinaryCrossEntropyLoss(model, pos_weight=torch.tensor(3.0))
    assert_equal(model, lambda: ours(PAIRS, labels), lambda: theirs(PAIRS, labels))


def plain_multiple_negatives(model: CrossEncoder) -> nn.Module:
    """Upstream's, on plain logits and with all it can borrow."""
    return upstream.MultipleNegativesRankingLoss(model, num_negatives=None, scale=1, activation_fn=nn.Identity())


def test_multiple_negatives_without_mined_ones(model: CrossEncoder) -> None:
    queries, positives = [*QUERIES, "which city"], ["rule", "fee " * 12, "the old city"]
    targets = tensors([[1.0]] * 3)
    ours, theirs = listed(model, "multiple_negatives"), plain_multiple_negatives(model)
    inputs = [queries, [[each] for each in positives]]
    assert_equal(model, lambda: ours(inputs, targets), lambda: theirs([queries, positives], torch.zeros(3)))


def test_cross_entropy_is_multiple_negatives_with_nothing_to_borrow(model: CrossEncoder) -> None:
    targets, theirs = tensors([[1.0, 0.0, 0.0]] * 2), plain_multiple_negatives(model)
    ours = listed(model, "cross_entropy")
    alone = [[[query], *[[passage] for passage in passages]] for query, passages in zip(QUERIES, EVEN, strict=True)]
    assert_equal(
        model,
        lambda: ours([QUERIES, EVEN], targets),
        lambda: torch.stack([theirs(each, torch.zeros(1)) for each in alone]).mean(),
    )


def scored_list(labels: st.SearchStrategy[float]) -> st.SearchStrategy[list[tuple[int, float]]]:
    """Passages with different scores: where scores tie, the rank of each is a matter of taste."""
    passage = st.tuples(st.integers(-60, 60), labels)
    return st.lists(passage, min_size=1, max_size=7, unique_by=lambda each: each[0])


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("listnet", upstream.ListNetLoss), ("lambda", upstream.LambdaLoss), ("ranknet", upstream.RankNetLoss)],
)
@settings(max_examples=40, deadline=None)
@given(step=st.lists(scored_list(st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0, 9.5, -1.0])), min_size=1, max_size=5))
def test_any_step_gives_upstreams_value_and_gradient(
    name: str, theirs: Any, step: list[list[tuple[int, float]]]
) -> None:
    model, inputs = lists([[score / 10 for score, _ in each] for each in step])
    targets = tensors([[label for _, label in each] for each in step])
    ours, reference = listed(model, name), theirs(model, mini_batch_size=-1)
    value, gradient = gradients(model, lambda: ours(inputs, targets))
    expected, direction = gradients(model, lambda: reference(inputs, targets))
    assert value == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert torch.allclose(gradient, direction, rtol=1e-4, atol=1e-5)
