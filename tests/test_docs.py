"""The Python of README and docs runs as it stands (blocks marked no-run are sketches of the reader's own app)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "notebooks" / "README.md"]
BLOCKS = [
    (page.name, block)
    for page in PAGES
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
]


def test_there_is_something_to_run() -> None:
    assert [name for name, _ in BLOCKS] == [
        "README.md",
        "data.md",
        "evaluation.md",
        "mining.md",
        "mining.md",
        "reranking.md",
        "training.md",
    ]


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_a_block_runs(page: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(block, page, "exec"), names)
    if page == "README.md":
        assert type(names["reranker"]).__name__ == "FinetunedRerank"
        assert (tmp_path / "finetuned_reranker" / "config.json").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_every_linked_file_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
