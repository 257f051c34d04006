"""What importing the package costs, and what it offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import llama_index_rerank_tuner


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = (
        "import sys, llama_index_rerank_tuner\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'llama_index', 'numpy', 'datasets'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", llama_index_rerank_tuner.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(llama_index_rerank_tuner, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'CrossEncoderDataModule'"):
        _ = llama_index_rerank_tuner.CrossEncoderDataModule
