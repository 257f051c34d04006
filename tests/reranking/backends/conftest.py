"""The exported tiny BERT that the backend tests share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.reranking.backends.exported import exported


@pytest.fixture(scope="session")
def exported_bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny BERT with its ONNX and OpenVINO networks; not to be changed."""
    return exported("bert", tmp_path_factory.mktemp("exported") / "bert")


@pytest.fixture(scope="session")
def exported_xlm_roberta(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny XLM-RoBERTa with its ONNX and OpenVINO networks; not to be changed."""
    return exported("xlm-roberta", tmp_path_factory.mktemp("exported") / "xlm-roberta")


@pytest.fixture
def own_exported_bert(exported_bert: str, tmp_path: Path) -> str:
    """A copy, so that a test may change it."""
    return str(shutil.copytree(exported_bert, tmp_path / "bert"))
