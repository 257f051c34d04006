"""Uploading: what goes to the hub, what stays, and what the hub's refusals say."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import CheckpointNotFoundError, ConfigError, RerankTunerError, RerankTunerWarning
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine, FinetuneConfig
from llama_index_rerank_tuner.training.record.publishing import published_files, push_to_hub


class Hub:
    """Stands for ``HfApi``: keeps what it is given, or refuses."""

    made: ClassVar[list[Hub]] = []
    error: ClassVar[Exception | None] = None

    def __init__(self, token: str | None = None) -> None:
        self.token, self.created, self.commits = token, {}, []
        Hub.made.append(self)

    def create_repo(self, repo_id: str, **settings: Any) -> SimpleNamespace:
        if Hub.error is not None:
            raise Hub.error
        self.created = {"repo_id": repo_id, **settings}
        return SimpleNamespace(repo_id=f"me/{repo_id.rsplit('/', 1)[-1]}")

    def create_commit(self, repo_id: str, operations: list[Any], **settings: Any) -> SimpleNamespace:
        self.commits.append((repo_id, {each.path_in_repo: each for each in operations}, settings))
        return SimpleNamespace(commit_url=f"https://hub/{repo_id}/commit/1")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> type[Hub]:
    monkeypatch.setattr(Hub, "made", [])
    monkeypatch.setattr(Hub, "error", None)
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    return Hub


@pytest.fixture(scope="module")
def data(learnable: RerankDataset) -> RerankDataset:
    """With a question that stands twice, which the audit names by its text."""
    questions = [replace(example, where=None) for example in learnable[:24]]
    return learnable.with_examples([*questions, replace(questions[0], query_id="twin")])


@pytest.fixture(scope="module")
def checkpoint(data: RerankDataset, tiny_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    engine = CrossEncoderFinetuneEngine(
        data,
        model_id=tiny_models["cross-encoder"],
        model_output_path=tmp_path_factory.mktemp("publishing") / "model",
        config=FinetuneConfig(epochs=1, batch_size=32, learning_rate=1e-3, loss="bce"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RerankTunerWarning)  # how well it learns is no matter here
        engine.finetune()
    folder = engine.model_output_path
    for name in ("optimizer.pt", "trainer_state.json", "train.jsonl", ".hidden.json"):
        (folder / name).write_text("kept here")
    (folder / "checkpoint-3").mkdir()
    (folder / "checkpoint-3" / "config.json").write_text("{}")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_text("exported")
    return folder


@pytest.fixture
def judged(checkpoint: Path) -> Any:
    stored = checkpoint / "verdict.json"
    stored.write_text(json.dumps({"verdict": "better", "reason": ""}))
    yield checkpoint
    stored.unlink()


def content(value: Path | bytes) -> str:
    return (value if isinstance(value, bytes) else value.read_bytes()).decode("utf-8", "replace")


def test_the_model_and_its_card_go_up_and_nothing_else(checkpoint: Path) -> None:
    names = set(published_files(checkpoint))
    assert {"config.json", "model.safetensors", "tokenizer.json", "modules.json", "onnx/model.onnx"} <= names
    assert {"README.md", "rerank_contract.json", "training_report.json"} <= names
    stays = ("last/", "base/", "checkpoint-3/", "optimizer.pt", "trainer_state.json", "train.jsonl", ".hidden")
    assert [name for name in names if name.startswith(stays)] == []


def test_what_goes_up_loads_as_the_same_model(checkpoint: Path, tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    for name, each in published_files(checkpoint).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(each if isinstance(each, bytes) else each.read_bytes())
    pairs = [("what fee the city", "fee rule of form")]
    scores = [CrossEncoder(str(folder), device="cpu").predict(pairs).tolist() for folder in (checkpoint, tmp_path)]
    assert scores[0] == scores[1]


def test_no_text_of_the_data_goes_up(checkpoint: Path, data: RerankDataset) -> None:
    texts = {p.text for e in data for p in (*e.positives, *e.negatives)} | {e.query for e in data}
    stored = (checkpoint / "training_report.json").read_text(encoding="utf-8")
    assert any(text in stored for text in texts), "the report here names a question"
    assert not [
        (name, text) for name, each in published_files(checkpoint).items() for text in texts if text in content(each)
    ]


def test_no_path_of_this_machine_goes_up(checkpoint: Path, tiny_models: dict[str, Path]) -> None:
    home = str(tiny_models["cross-encoder"].parent)
    assert home in (checkpoint / "training_report.json").read_text(encoding="utf-8")
    assert [name for name, each in published_files(checkpoint).items() if home in content(each)] == []


def test_one_commit_to_a_repository_that_is_made(hub: type[Hub], judged: Path) -> None:
    address = push_to_hub(judged, "tax", token="secret", private=True, licence="mit")
    (api,) = hub.made
    assert (api.token, api.created) == ("secret", {"repo_id": "tax", "private": True, "exist_ok": True})
    ((repo_id, files, settings),) = api.commits
    assert (repo_id, settings) == ("me/tax", {"commit_message": "Upload reranker"})
    assert address == "https://hub/me/tax/commit/1"
    card = ModelCard(files["README.md"].path_or_fileobj.decode("utf-8"))
    assert card.data.license == "mit"
    assert "secret" not in str(card)


def test_a_checkpoint_without_a_good_verdict_goes_up_with_a_warning(hub: type[Hub], checkpoint: Path) -> None:
    with pytest.warns(RerankTunerWarning, match="was not benchmarked"):
        push_to_hub(checkpoint, "me/tax")
    stored = checkpoint / "verdict.json"
    stored.write_text(json.dumps({"verdict": "worse", "reason": "-0.2"}))
    try:
        with pytest.warns(RerankTunerWarning, match=r"the verdict 'worse' \(-0\.2\)"):
            push_to_hub(checkpoint, "me/tax")
    finally:
        stored.unlink()
    assert "**Worse**" in hub.made[1].commits[0][1]["README.md"].path_or_fileobj.decode("utf-8")


@pytest.mark.parametrize(
    ("refusal", "error", "message"),
    [
        (OSError("401 Unauthorized\nlong page"), RerankTunerError, r"'me/tax': 401 Unauthorized\. Check.*login\(\)"),
        (HfHubHTTPError.__bases__[0]("no route to host"), RerankTunerError, "no route to host"),
        (HFValidationError("Repo id must be in the form"), ConfigError, "'me/tax' cannot be a hub id"),
    ],
)
def test_a_refusal_says_what_to_do(
    hub: type[Hub], judged: Path, refusal: Exception, error: type[Exception], message: str
) -> None:
    hub.error = refusal
    with pytest.raises(error, match=message):
        push_to_hub(judged, "me/tax")


def test_the_real_client_offline_is_one_clear_error(judged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RerankTunerError, match=r"Could not upload to 'me/tax'"):
        push_to_hub(judged, "me/tax", token="hf_none")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match="train first"):
        push_to_hub(tmp_path, "me/tax")
