"""``make demo``'s command, whole: the sizes it promises, and an honest table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_the_demo_tunes_a_reranker_that_beats_its_base(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llama_index_rerank_tuner.cli.app", "demo", "--output", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "120 questions from 10 groups" in done.stdout
    report = json.loads((tmp_path / "demo" / "run.json").read_text())
    assert report["training"]["pairs"] + report["training"]["warm start pairs"] <= 3000
    tuned = report["benchmark"]["contestants"]["tuned + mix"]["nDCG@10"]
    base = report["benchmark"]["contestants"]["base"]["nDCG@10"]
    assert tuned["mean"] > base["mean"]
    assert (tmp_path / "demo" / "report.html").stat().st_size > 10_000
