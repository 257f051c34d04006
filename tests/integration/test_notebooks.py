"""The notebooks, executed from top to bottom without a hub and without a key."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

QASPER = Path(__file__).resolve().parents[2] / "notebooks" / "qasper.ipynb"


def source_of(notebook: Any, *cell_ids: str) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.id in cell_ids)


def shown(notebook: Any, cell_id: str) -> str:
    """What a cell printed and displayed, as text."""
    (cell,) = (cell for cell in notebook.cells if cell.id == cell_id)
    printed = "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout")
    displayed = (o.data for o in cell.outputs if o.output_type == "display_data")
    return "\n".join([printed, *(each.get("text/markdown", "") for each in displayed)])


def rows_of(text: str) -> list[list[str]]:
    """The cells of the lines of a Markdown table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|-")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


@pytest.fixture(scope="module")
def written() -> Any:
    return nbformat.read(QASPER, as_version=4)


@pytest.fixture(scope="module")
def executed(written: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """The notebook after a run in an empty directory, and that directory."""
    from nbclient import NotebookClient

    folder = tmp_path_factory.mktemp("notebook")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RERANK_TUNER_", "OPENAI_"))}
    client = NotebookClient(
        nbformat.from_dict(written), timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    return client.execute(env={**kept, "HF_HUB_OFFLINE": "1"}), folder


def test_the_notebook_is_stored_valid_and_without_outputs(written: Any) -> None:
    nbformat.validate(written)
    assert (written.nbformat, written.nbformat_minor) == (4, 5)
    ids = [cell.id for cell in written.cells]
    assert len(set(ids)) == len(ids)
    code = [cell for cell in written.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert QASPER.stat().st_size < 30_000


def test_the_tutorial_mode_loads_and_splits_what_the_hub_gives(written: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """800 and 80 papers with OpenAI embeddings: the cells before the first paid call, on a stand-in hub."""
    import datasets

    asked: list[str] = []

    def load_dataset(name: str, revision: str, split: str) -> list[dict[str, Any]]:
        asked.append(f"{name} {revision} {split}")
        return [paper(split, number) for number in range(900)]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setenv("RERANK_TUNER_HUB", "1")
    monkeypatch.setenv("OPENAI_API_KEY", "-")
    names: dict[str, Any] = {}
    exec(compile(source_of(written, "mode", "load", "split", "embed"), "qasper.ipynb", "exec"), names)
    assert asked == [f"allenai/qasper refs/convert/parquet {split}" for split in ("train", "test")]
    assert (names["papers"].report.papers, names["test_papers"].report.papers) == (800, 80)
    assert (len(names["training"]), len(names["validation"]), len(names["testing"])) == (720, 80, 80)
    assert {example.group[:4] for example in names["testing"]} == {"test"}
    assert names["embed_model"].class_name() == "OpenAIEmbedding"


def paper(split: str, number: int) -> dict[str, Any]:
    text = f"Sensor {number} of the {split} set is read every {number} minutes."
    return {
        "id": f"{split}-{number}",
        "title": f"Sensor {number}",
        "abstract": "",
        "full_text": [{"section_name": "Data", "paragraphs": [text]}],
        "qas": [
            {
                "question": f"How often is sensor {number} of the {split} set read?",
                "question_id": f"{split}-q{number}",
                "answers": [{"answer": {"unanswerable": False, "evidence": [text]}}],
            }
        ],
    }


@pytest.mark.slow
def test_papers_are_loaded_and_split_by_paper(executed: tuple[Any, Path]) -> None:
    notebook, _ = executed
    assert "papers: 3 (59 paragraphs, 3 abstracts)\nquestions kept: 31 of 36\n" in shown(notebook, "load")
    sides = re.findall(r"(\w+) +(\d+) questions, papers: (\d+)", shown(notebook, "split"))
    assert [(name, papers) for name, _, papers in sides] == [("train", "1"), ("validation", "1"), ("test", "1")]
    assert sum(int(questions) for _, questions, _ in sides) == 31


@pytest.mark.slow
def test_negatives_are_mined_and_a_model_is_trained(executed: tuple[Any, Path]) -> None:
    notebook, folder = executed
    assert shown(notebook, "mine").count("  negative: ") == 5
    pairs, warm = map(int, re.findall(r"(\d+) labelled pairs, (\d+) warm start pairs", shown(notebook, "tune"))[0])
    assert pairs > 50
    assert warm > 50
    assert (folder / "runs" / "qasper" / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_table_compares_three_contestants_and_claims_nothing(executed: tuple[Any, Path]) -> None:
    notebook, _ = executed
    rows = {row[0]: row[1:] for row in rows_of(shown(notebook, "benchmark")) if row[1]}
    assert rows.keys() == {"retriever", "base", "tuned", "ceiling (candidates in ideal order)"}
    assert all(cell.endswith("[no interval]") for cell in rows["retriever"])
    said = shown(notebook, "verdict")
    assert "Verdict: no evidence" in said
    assert "At this size the figures mean nothing" in said


@pytest.mark.slow
def test_the_query_engine_answers_from_nodes_in_the_tuned_models_order(executed: tuple[Any, Path]) -> None:
    from llama_index_rerank_tuner import FinetunedRerank
    from llama_index_rerank_tuner.dataset.qasper import load_qasper

    notebook, folder = executed
    output = shown(notebook, "engine")
    asked = output.splitlines()[0]
    rows = rows_of(output)
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert all(1 <= int(row[1]) <= 30 for row in rows)
    scores = [float(row[2]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    texts = {passage.key: passage.text for passage in load_qasper(source="fictional").dataset.corpus}
    reranker = FinetunedRerank(folder / "runs" / "qasper", top_n=3)
    logits = reranker.scorer([(asked, texts[row[3]]) for row in rows])
    assert reranker.scorer.activate(logits).tolist() == pytest.approx(scores, abs=1e-3)


def test_the_notebooks_code_parses(written: Any) -> None:
    for cell in written.cells:
        if cell.cell_type == "code":
            ast.parse(cell.source)
