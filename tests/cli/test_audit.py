"""``rerank-tuner audit``: the table, the exit status, the saved audit and the repaired copy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from llama_index_rerank_tuner.cli.app import app
from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError, DataError

CLEAN = [{"query": "谁可以申请？", "pos": ["小微企业。"], "neg": ["表格。"]}]
FAULTY = [*CLEAN, {"query": "Who pays?", "pos": ["The firm."], "neg": ["the firm", "The form is AP-2."]}]


def written(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in records), encoding="utf-8")
    return str(path)


def rerank_tuner(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments])


def test_clean_data_exits_with_0(tmp_path: Path) -> None:
    done = rerank_tuner(written(tmp_path / "clean.jsonl", CLEAN))
    assert done.exit_code == 0
    assert "questions            1" in done.stdout
    assert "must fix" not in done.stdout


def test_faulty_data_exits_with_1_and_names_the_record(tmp_path: Path) -> None:
    clean, faulty = written(tmp_path / "clean.jsonl", CLEAN), written(tmp_path / "faulty.jsonl", FAULTY)
    done = rerank_tuner(clean, faulty)
    assert done.exit_code == 1
    assert (
        "must fix     contradiction: Negatives that are also marked relevant for the same question: 1." in done.stdout
    )
    assert f"{faulty} line 2, passage" in done.stdout


def test_the_audits_are_saved_by_file(tmp_path: Path) -> None:
    clean, faulty = written(tmp_path / "clean.jsonl", CLEAN), written(tmp_path / "faulty.jsonl", FAULTY)
    rerank_tuner(clean, faulty, "--save", str(tmp_path / "audit.json"), "--val", clean)
    saved = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert [(file, audit["questions"]) for file, audit in saved.items()] == [(clean, 1), (faulty, 2)]
    assert saved[faulty]["contradictions"] == 1
    assert saved[faulty]["advice"][0]["validation"] == {"advised": "50–100", "is": "fewer"}


def test_a_repaired_copy_is_written_with_its_changes_and_audits_clean(tmp_path: Path) -> None:
    faulty, mended = written(tmp_path / "faulty.jsonl", FAULTY), tmp_path / "mended.jsonl"
    done = rerank_tuner(faulty, "--repair", str(mended))
    assert done.exit_code == 0
    assert "1  dropped: also marked relevant for the question" in done.stdout
    assert [len(example.negatives) for example in RerankDataset.load(mended)] == [1, 1]
    changes = json.loads((tmp_path / "mended.changes.json").read_text(encoding="utf-8"))["changes"]
    assert [change["place"] for change in changes] == [f"{faulty} line 2"]
    assert rerank_tuner(str(mended)).exit_code == 0


def test_what_cannot_be_read_or_done_is_an_error(tmp_path: Path) -> None:
    clean = written(tmp_path / "clean.jsonl", CLEAN)
    with pytest.raises(DataError, match="no such file"):
        raise rerank_tuner(str(tmp_path / "nowhere.jsonl")).exception or AssertionError
    with pytest.raises(ConfigError, match="give one FILE, got 2"):
        raise rerank_tuner(clean, clean, "--repair", str(tmp_path / "out.jsonl")).exception or AssertionError


def test_a_repaired_copy_keeps_the_corpus_in_a_folder_and_says_what_a_file_leaves_out(tmp_path: Path) -> None:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    passages = [{"_id": "a", "text": "Small firms."}, {"_id": "b", "text": "The form is AP-2."}]
    written(folder / "corpus.jsonl", passages)
    written(folder / "queries.jsonl", [{"_id": "1", "text": "Who may apply?"}])
    (folder / "qrels" / "test.tsv").write_text("1\ta\t1\n", encoding="utf-8")
    done = rerank_tuner(str(folder), "--repair", str(tmp_path / "mended"))
    assert done.exit_code == 0
    assert "left out" not in done.stdout
    assert [passage.key for passage in RerankDataset.load(tmp_path / "mended").corpus] == ["a", "b"]
    done = rerank_tuner(str(folder), "--repair", str(tmp_path / "mended.jsonl"))
    assert "1 passages that no question names are left out" in done.stdout
