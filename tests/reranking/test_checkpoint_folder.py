"""What of a hub repository comes to this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.utils import filter_repo_objects

from llama_index_rerank_tuner.reranking.checkpoint_folder import checkpoint_folder

SETTINGS = ["config.json", "tokenizer.json", "rerank_contract.json", "mix.json", "calibration.json"]
CONVERTED = ["onnx/model.onnx", "openvino/openvino_model.xml", "openvino/openvino_model.bin"]
OTHERS = ["last/model.safetensors", "base/model.safetensors", "training_args.bin"]


@pytest.mark.parametrize(
    ("there", "comes"),
    [
        (["model.safetensors", "pytorch_model.bin", *CONVERTED], ["model.safetensors"]),
        (["pytorch_model.bin"], ["pytorch_model.bin", "training_args.bin"]),
        (["model.safetensors", "variants.json", *CONVERTED], ["model.safetensors", "variants.json", *CONVERTED]),
    ],
)
def test_one_kind_of_weights_comes_and_converted_ones_where_they_were_checked(
    there: list[str], comes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(hub_id: str, ignore_patterns: list[str], **settings: Any) -> str:
        for name in filter_repo_objects([*SETTINGS, *OTHERS, *there], ignore_patterns=ignore_patterns):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    folder = checkpoint_folder("owner/name", {})
    found = {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}
    assert found == {*SETTINGS, *comes}
