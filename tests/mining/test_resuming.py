"""With a journal nothing is asked twice, and a killed run ends as if it had never been killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from llama_index.core.schema import TextNode

from llama_index_rerank_tuner.errors import DataError, RerankTunerWarning
from llama_index_rerank_tuner.mining import Asking, HardNegativeDatasetGenerator, Selection
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
from tests.mining.stand_ins import NODES, Listed, descending, questions

DATASET = questions({f"q{i}": [i] for i in range(8)})


def test_a_second_run_asks_nothing_and_gives_the_same(tmp_path: Path) -> None:
    retriever, journal = Listed(descending(1, 2, 3, 4, 5, 6, 7)), tmp_path / "mining.jsonl"
    first = HardNegativeDatasetGenerator(NODES, retriever, journal=journal)
    mined = first.generate(DATASET)
    assert len(retriever.asked) == 8
    second = HardNegativeDatasetGenerator(NODES[::-1], retriever, journal=journal)
    assert second.generate(DATASET) == mined == HardNegativeDatasetGenerator(NODES, retriever).generate(DATASET)
    assert second.report == first.report
    assert len(retriever.asked) == 16


def test_another_selection_or_more_questions_ask_only_what_is_new(tmp_path: Path) -> None:
    retriever, journal = Listed(descending(1, 2, 3)), tmp_path / "mining.jsonl"
    HardNegativeDatasetGenerator(NODES, retriever, journal=journal).generate(DATASET)
    more = questions({f"q{i}": [i] for i in range(10)})
    hardest = Selection(2, sampling="hardest")
    HardNegativeDatasetGenerator(NODES, retriever, journal=journal, selection=hardest).generate(more)
    assert retriever.asked[8:] == ["question q8", "question q9"]


def test_a_question_that_failed_is_asked_again_by_the_next_run(tmp_path: Path) -> None:
    def fail(query: str) -> None:
        if query == "question q3" and failing:
            raise ConnectionError("reset")

    failing, retriever, journal = True, Listed(descending(1, 2, 3), fail), tmp_path / "mining.jsonl"
    swift = Asking(retries=0)
    with pytest.warns(RerankTunerWarning, match="gave no answer to 1 of 8"):
        HardNegativeDatasetGenerator(NODES, retriever, journal=journal, asking=swift).generate(DATASET)
    failing = False
    generator = HardNegativeDatasetGenerator(NODES, retriever, journal=journal, asking=swift)
    assert generator.generate(DATASET) == HardNegativeDatasetGenerator(NODES, retriever).generate(DATASET)
    assert retriever.asked[8] == "question q3"
    assert generator.report.failed == {}


def test_other_nodes_or_another_depth_are_refused(tmp_path: Path) -> None:
    nodes, journal = [TextNode(id_=f"n{i:02}", text=f"fee text {i}") for i in range(20)], tmp_path / "mining.jsonl"
    HardNegativeDatasetGenerator(nodes, BM25JiebaRetriever(nodes, 5), journal=journal).generate(DATASET)
    with pytest.raises(DataError, match=r"made with other settings \(sources was .*5.* and is .*6"):
        HardNegativeDatasetGenerator(nodes, BM25JiebaRetriever(nodes, 6), journal=journal).generate(DATASET)
    changed = [*nodes[:-1], TextNode(id_="n19", text="another text")]
    with pytest.raises(DataError, match=r"made with other settings \(nodes was"):
        HardNegativeDatasetGenerator(changed, BM25JiebaRetriever(nodes, 5), journal=journal).generate(DATASET)


# Imports once and forks a child for every run, because importing is slow and the kill is what matters.
KILLING = """
import os, signal, sys, time
from pathlib import Path
from llama_index_rerank_tuner.mining import Asking, HardNegativeDatasetGenerator
from tests.mining.stand_ins import NODES, Listed, descending, questions

folder = Path(sys.argv[1])
dataset = questions({f"q{i}": [i % 20] for i in range(60)})

def mine(journal, output, concurrency):
    sources = {
        "one": Listed(descending(*range(12)), lambda query: time.sleep(0.01)),
        "two": Listed(descending(*range(18, 6, -1)), lambda query: time.sleep(0.01)),
    }
    generator = HardNegativeDatasetGenerator(
        NODES, sources, journal=folder / journal, asking=Asking(concurrency=concurrency), shares={"one": 2, "two": 1}
    )
    generator.generate(dataset).to_groups(folder / output)
    generator.report.save(folder / (output + ".report"))

def run(name, concurrency, kill_at=None):
    journal = f"{name}.jsonl"
    child = os.fork()
    if child == 0:
        mine(journal, f"{name}.out", concurrency)
        os._exit(0)
    while kill_at is not None and lines(journal) < kill_at:
        time.sleep(0.001)
    if kill_at is not None:
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def lines(journal):
    path = folder / journal
    return path.read_bytes().count(b"\\n") if path.exists() else 0

for concurrency in (1, 3):
    killed, whole = f"killed{concurrency}", f"whole{concurrency}"
    statuses = [run(killed, concurrency, kill_at) for kill_at in (1, 2, 20, 61, 75, 110)]
    print(statuses, run(killed, concurrency), run(whole, concurrency), lines(f"{killed}.jsonl"))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork and no SIGKILL")
def test_killed_six_times_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    command, root = [sys.executable, "-c", KILLING, str(tmp_path)], Path(__file__).resolve().parents[2]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=300, check=False)
    # 60 questions of two sources and the opening line: nothing was asked twice.
    assert ended.stdout.splitlines() == [f"{[-9] * 6} 0 0 121"] * 2, ended.stderr
    for suffix in ("out", "out.report"):
        outputs = {path.read_bytes() for path in tmp_path.glob(f"*.{suffix}")}
        assert len(outputs) == 1
    assert len(list(tmp_path.glob("*.out"))) == 4
