"""The benchmark's journal: nothing is asked twice, and nothing is taken from it that no longer holds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import RerankTunerError
from llama_index_rerank_tuner.evaluation import BenchmarkResult, RerankBenchmark
from llama_index_rerank_tuner.evaluation.memory import describe_contestant
from llama_index_rerank_tuner.journal import Journal
from llama_index_rerank_tuner.reranking import FinetunedRerank
from tests.evaluation.contestants import Shelf, Sorting, by_last_letter, oracle, question

THREE = RerankDataset.build([question("first", ["p", "a"]), question("third", ["a", "b", "p"]), question("empty", [])])


def _asked(journal: Path, contestant: Sorting, dataset: RerankDataset = THREE, name: str = "one") -> list[str]:
    """What a benchmark asks a contestant anew."""
    before = len(contestant.asked)
    RerankBenchmark(dataset, {name: contestant}, journal=journal, samples=10).run()
    asked = contestant.asked[before:]
    contestant.asked.clear()
    return asked


def test_a_second_run_asks_nothing_and_gives_the_same_with_the_times_of_the_first(tmp_path: Path) -> None:
    journal, contestant = tmp_path / "deep" / "journal.jsonl", by_last_letter()
    first = RerankBenchmark(THREE, {"last": contestant}, journal=journal, samples=10).run()
    contestant.asked.clear()
    second = RerankBenchmark(THREE, {"last": contestant}, journal=journal, samples=10).run()
    assert contestant.asked == []
    assert second == first
    assert second.seconds["last"]["first"] > 0
    # A line for each question, and the first one.
    assert len(journal.read_text().splitlines()) == 1 + 3


def test_what_an_answer_depends_on_makes_it_asked_again(tmp_path: Path) -> None:
    journal, contestant = tmp_path / "journal.jsonl", by_last_letter()
    assert _asked(journal, contestant) == ["question first", "question third"]
    assert _asked(journal, contestant) == []
    turned = replace(THREE[0], candidates=(THREE[0].candidates or ())[::-1])
    retold = replace(THREE[0], candidates=tuple(replace(each, text="new") for each in THREE[0].candidates or ()))
    reworded = replace(THREE[0], query="reworded")
    for changed in (turned, retold, reworded):
        assert _asked(journal, contestant, THREE.with_examples([changed])) == [changed.query]
    assert _asked(journal, contestant, name="two") == ["question first", "question third"]
    shorter = contestant.model_copy(update={"top_n": 1})
    assert _asked(journal, shorter) == ["question first", "question third"]
    assert _asked(journal, contestant) == []


def test_one_journal_serves_several_depths_and_metrics(tmp_path: Path) -> None:
    journal, contestant = tmp_path / "journal.jsonl", oracle()

    def run(depth: int, metric: str) -> BenchmarkResult:
        return RerankBenchmark(
            THREE, {"oracle": contestant}, depth=depth, metrics=[metric], journal=journal, samples=10
        ).run()

    assert run(3, "MRR").scores["oracle"]["MRR"] == {"first": 1.0, "third": 1.0, "empty": 0.0}
    assert run(2, "MRR").scores["oracle"]["MRR"] == {"first": 1.0, "third": 0.0, "empty": 0.0}
    contestant.asked.clear()
    assert run(3, "Hit@1").mean("oracle", "Hit@1").value == pytest.approx(2 / 3)
    assert contestant.asked == []


def test_a_retriever_is_not_paid_for_twice(tmp_path: Path) -> None:
    journal, found = tmp_path / "journal.jsonl", {"question first": ["a", "p"], "question third": []}
    dataset = RerankDataset.build([question("first", None), question("third", None)])
    results, shelves = [], [Shelf(dict(found)), Shelf(dict(found))]
    for shelf in shelves:
        results.append(RerankBenchmark(dataset, {"o": oracle()}, retriever=shelf, journal=journal, samples=10).run())
    assert [shelf.asked for shelf in shelves] == [["question first", "question third"], []]
    assert results[1].examples == results[0].examples
    assert results[1].rankings == results[0].rankings
    assert results[1].without_candidates == 1


def test_a_journal_in_use_is_refused(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "journal.jsonl", {"work": "reranking benchmark"}),
        pytest.raises(RerankTunerError, match="is in use"),
    ):
        RerankBenchmark(THREE, {}, journal=tmp_path / "journal.jsonl").run()


def test_a_retrained_checkpoint_is_another_contestant(tiny_cross_encoder: str) -> None:
    def described() -> list[object]:
        return describe_contestant(FinetunedRerank(tiny_cross_encoder, 10, device="cpu"))

    before = described()
    assert described() == before
    json.dumps(before)
    weights = Path(tiny_cross_encoder) / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert described() != before


PROGRAM = """
import os, signal, sys
from llama_index_rerank_tuner.evaluation import RerankBenchmark
from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from tests.evaluation.contestants import question

journal, asked, fatal = sys.argv[1:]

class Mortal(BaseNodePostprocessor):
    def _postprocess_nodes(self, nodes, query_bundle=None):
        if query_bundle.query_str == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        with open(asked, "a") as stream:
            print(query_bundle.query_str, file=stream)
        return nodes[::-1]

dataset = RerankDataset.build([question(name, ["a", "p"]) for name in "abcde"])
result = RerankBenchmark(dataset, {"mortal": Mortal()}, journal=journal, samples=10).run()
print(result.mean("mortal", "Hit@1").value)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_after_a_kill_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    journal, asked = tmp_path / "journal.jsonl", tmp_path / "asked.txt"

    def run(fatal: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", PROGRAM, str(journal), str(asked), fatal]
        root = Path(__file__).resolve().parents[2]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300)

    assert run("question d").returncode == -signal.SIGKILL
    assert asked.read_text().split("\n")[:-1] == ["question a", "question b", "question c"]
    finished = run("nothing")
    assert finished.stdout.strip() == "1.0", finished.stderr
    assert asked.read_text().split("\n")[:-1] == [f"question {name}" for name in "abcde"]
