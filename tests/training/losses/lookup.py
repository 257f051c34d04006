"""A model whose scores are given, so that a loss can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from llama_index_rerank_tuner.training.losses import build_loss
from llama_index_rerank_tuner.training.losses.lists import TrainingRows


class LookUp(nn.Module):
    """Scores the passage ``"3"`` with the third number it was given, counted from 0, whatever the query."""

    def __init__(self, scores: Sequence[float], num_labels: int = 1) -> None:
        super().__init__()
        self.given = nn.Parameter(torch.tensor(scores))
        self.num_labels, self.device = num_labels, torch.device("cpu")

    def preprocess(self, pairs: Sequence[tuple[str, str]], **_: Any) -> dict[str, Tensor]:
        index = torch.tensor([[int(passage)] for _, passage in pairs])
        return {"index": index, "attention_mask": torch.ones_like(index)}

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"scores": self.given[features["index"]]}


def lists(scores: Sequence[Sequence[float]]) -> tuple[LookUp, list[Any]]:
    """A model for some lists of scores, and the inputs that make it give them."""
    flat = [score for each in scores for score in each]
    names = iter(map(str, range(len(flat))))
    return LookUp(flat), [[f"q{n}" for n in range(len(scores))], [[next(names) for _ in each] for each in scores]]


def list_loss(name: str, scores: Sequence[Sequence[float]], labels: Sequence[Sequence[float]]) -> Tensor:
    """A list loss of such scores."""
    model, inputs = lists(scores)
    rows = [{"query": query, "docs": docs, "label": []} for query, docs in zip(*inputs, strict=True)]
    loss = build_loss(model, TrainingRows(name, rows, 0), 2)  # type: ignore[arg-type]
    value: Tensor = loss(inputs, [torch.tensor(each) for each in labels])
    return value


def pair_loss(name: str, scores: Sequence[float], labels: Sequence[float]) -> Tensor:
    """A pair loss of such scores."""
    model, passages = LookUp(scores), [str(n) for n in range(len(scores))]
    rows = [{"query": "q", "passage": p, "label": label} for p, label in zip(passages, labels, strict=True)]
    loss = build_loss(model, TrainingRows(name, rows, 0), 2)  # type: ignore[arg-type]
    value: Tensor = loss([["q"] * len(scores), passages], torch.tensor(labels))
    return value
