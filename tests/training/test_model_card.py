"""The model card: figures and settings in it, texts of the data never, snippets that run."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import CheckpointNotFoundError, ConfigError, DataError
from llama_index_rerank_tuner.evaluation import RerankBenchmark
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.record.model_card import model_card, write_model_card

DATA = RerankDataset.from_records(
    [
        {
            "query": "谁可以申请补贴？",
            "pos": ["小微企业可以申请。"],
            "neg": ["表格编号 AP-2。"],
            "neg_sources": [{"bm25": [1, 2.5]}],
        },
        {"query": "Who pays the fee?", "pos": ["The firm pays it."], "neg": ["the firm pays it", "The form is AP-2."]},
    ]
)
DATA = DATA.with_examples(replace(example, where=None) for example in DATA)  # then the audit names them by their text
ALARM = {"name": "over-fitting", "message": "The loss rose.", "advice": "Stop earlier.", "step": 8}
FIGURES = {"mean": 0.7123, "interval": [0.61, 0.81], "change": 0.1, "change interval": None, "change percent": 16.3}
BENCHMARK = {
    "questions": 120,
    "reference": "retriever",
    "contestants": {
        "retriever": {"nDCG@10": {**FIGURES, "mean": 0.5, "interval": None}},
        "tuned": {"nDCG@10": FIGURES},
    },
    "per question": {"q": {"query": "Who pays the fee?", "group": None, "scores": {}}},
}


def report(**changes: Any) -> dict[str, Any]:
    return {
        "model_id": "BAAI/bge-reranker-base",
        "settings": {"epochs": 4, "learning_rate": 4e-5},
        "reasons": {"epochs": "2 questions", "learning_rate": "given"},
        "curve": {"loss": [], "validation": [[0, 0.5], [8, 0.75]], "alarms": [ALARM]},
        "best": [8, 0.75],
        "validated on": "given passages",
        "hardware": {"device": "cpu", "bf16": False},
        "audit": DATA.audit(near_limit=0).to_dict(),
        "versions": {"torch": "2.13.0"},
        **changes,
    }


@pytest.fixture
def checkpoint(tiny_models: dict[str, Path], tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(tiny_models["cross-encoder"], folder)
    store(folder, report())
    TextContract(retriever="bm25", scope="group", max_length=128).save(folder)
    return folder


def store(folder: Path, content: dict[str, Any], name: str = "training_report.json") -> None:
    (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def texts(dataset: RerankDataset) -> set[str]:
    passages = {p.text for e in dataset for p in (*e.positives, *e.negatives)}
    return passages | {example.query for example in dataset}


def test_no_text_of_the_data_stands_in_it(checkpoint: Path) -> None:
    assert any(text in json.dumps(report(), ensure_ascii=False) for text in texts(DATA)), "the report does name some"
    card = model_card(checkpoint, dataset=DATA, benchmark=BENCHMARK)
    assert [text for text in texts(DATA) if text in card] == []


def test_examples_are_printed_only_when_asked_for(checkpoint: Path) -> None:
    card = model_card(checkpoint, dataset=DATA, examples=1)
    assert "谁可以申请补贴？" in card
    assert "小微企业可以申请。" in card
    assert "Who pays the fee?" not in card
    with pytest.raises(ConfigError, match="needs dataset="):
        model_card(checkpoint, examples=1)


def test_the_hub_reads_its_front_matter(checkpoint: Path) -> None:
    data = ModelCard(model_card(checkpoint, repo_id="me/tax", benchmark=BENCHMARK, licence="mit")).data
    assert (data.base_model, data.license, data.language) == ("BAAI/bge-reranker-base", "mit", ["zh"])
    assert (data.library_name, data.pipeline_tag) == ("sentence-transformers", "text-ranking")
    assert [(each.metric_type, each.metric_value) for each in data.eval_results or []] == [("ndcg@10", 0.7123)]
    assert data.model_name == "tax"


def test_without_a_benchmark_or_a_licence_the_front_matter_claims_none(checkpoint: Path) -> None:
    card = ModelCard(model_card(checkpoint))
    assert (card.data.eval_results, card.data.license) == (None, None)
    assert "**Not benchmarked.**" in card.text
    assert "Unknown: it was not stated" in card.text


def test_it_states_data_figures_contract_settings_and_alarms(checkpoint: Path) -> None:
    card = model_card(checkpoint, dataset=DATA, benchmark=BENCHMARK)
    for expected in (
        "- questions: 2\n",
        "- irrelevant pairs: 3\n",
        "- negatives from: bm25 1\n",
        "- languages (by script): Chinese 1, Latin script 1\n",
        "| tuned | 0.7123 [0.6100, 0.8100] |",
        "| retriever | 0.5000 [no interval] |",
        "nDCG@10 was 0.7500 at step 8 (before training: 0.5000)",
        "| retriever whose candidates it ranks | bm25 |",
        "| scope of the candidates | group |",
        "| epochs | 4 | 2 questions |",
        "- over-fitting at step 8: The loss rose.",
        "- versions: torch 2.13.0",
    ):
        assert expected in card


@pytest.mark.parametrize(
    ("outcome", "said"),
    [("better", "**Better** than"), ("worse", "**Worse** than"), ("no evidence", "**No evidence** that")],
)
def test_the_verdict_is_said_in_words(checkpoint: Path, outcome: str, said: str) -> None:
    store(checkpoint, {"verdict": outcome, "reason": "nDCG@10 of tuned: +0.1 [+0.0, +0.2]"}, "verdict.json")
    card = model_card(checkpoint)
    assert said in card
    assert "+0.1 [+0.0, +0.2]" in card


def test_the_report_of_the_whole_road_is_found_beside_the_checkpoint(checkpoint: Path) -> None:
    store(checkpoint.parent, {"verdict": "better", "benchmark": BENCHMARK}, "run.json")
    assert "120 held-out questions" not in model_card(checkpoint)
    store(checkpoint, {"verdict": "better", "reason": ""}, "verdict.json")
    assert "120 held-out questions" in model_card(checkpoint)


def test_a_benchmark_result_is_taken_as_it_is(checkpoint: Path) -> None:
    examples = [replace(each, candidates=(*each.negatives, *each.positives)) for each in DATA]
    result = RerankBenchmark(DATA.with_examples(examples), {}).run()
    assert "2 held-out questions" in model_card(checkpoint, benchmark=result)


def test_paths_of_this_machine_stay_out(checkpoint: Path) -> None:
    store(checkpoint, report(model_id=str(checkpoint.parent / "base")))
    card = model_card(checkpoint)
    assert str(checkpoint.parent) not in card
    assert "fine-tuned from base with" in card
    assert ModelCard(card).data.base_model is None


def test_its_snippets_run(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkpoint.parent)
    snippets = re.findall(r"```python\n(.*?)```", model_card(checkpoint), flags=re.DOTALL)
    assert len(snippets) == 3
    for snippet in snippets:
        exec(snippet, {})  # the card's own code, on the checkpoint it is about


def test_a_model_on_the_hub_is_fetched_whole_so_that_its_contract_comes_along(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda repo_id: str(checkpoint))
    snippet = re.findall(r"```python\n(.*?)```", model_card(checkpoint, repo_id="me/tax"), flags=re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(snippet, names)
    assert names["reranker"].contract.retriever == "bm25"


def test_templates_that_other_rerankers_do_not_apply_are_warned_of(checkpoint: Path) -> None:
    assert "which makes the same text" in model_card(checkpoint)
    TextContract(query_template="question: {query}").save(checkpoint)
    assert "it makes other text than this model was trained on" in model_card(checkpoint)


def test_a_checkpoint_without_a_report_still_gets_a_card(checkpoint: Path) -> None:
    (checkpoint / "training_report.json").unlink()
    card = write_model_card(checkpoint).read_text(encoding="utf-8")
    assert "# model\n" in card
    assert "## Settings" not in card
    assert "nan" not in card.lower()


def test_what_is_no_checkpoint_or_no_benchmark_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"no config\.json"):
        model_card(tmp_path / "nowhere")
    with pytest.raises(DataError, match="it holds no benchmark"):
        model_card(checkpoint, benchmark={"scores": {}})
    with pytest.raises(DataError, match=r"missing\.json: it holds no benchmark"):
        model_card(checkpoint, benchmark=tmp_path / "missing.json")
