"""Tiny checkpoints with their ONNX and OpenVINO networks, converted here."""

from __future__ import annotations

from pathlib import Path

import torch
from sentence_transformers import CrossEncoder

from llama_index_rerank_tuner.deployment.export import export_onnx, export_openvino
from tests.training.tiny_architectures import build

PAIRS = [
    ("what fee", "rule"),
    ("who may file", "city fee and the rule for a cat " * 4),
    ("what fee", "city fee"),
    ("how much tax", "wage or tax of the firm"),
    ("what fee", "form " * 80),
    ("", "rule"),
    ("what", "   "),
    ("什么 fee", "城市 fee, \x00\x07 and a cat"),
]


def lively(architecture: str, folder: Path) -> str:
    """A tiny checkpoint whose logits differ from pair to pair, where fresh weights' hardly do; returns its path."""
    model = CrossEncoder(build(architecture, folder), device="cpu")
    torch.manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.normal_(std=0.3)
    model.save_pretrained(str(folder))
    return str(folder)


def exported(architecture: str, folder: Path) -> str:
    """A lively checkpoint that was exported both ways; returns its path."""
    path = lively(architecture, folder)
    export_onnx(path)
    export_openvino(path)
    return path
