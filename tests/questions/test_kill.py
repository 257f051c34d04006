"""Acceptance: killed with SIGKILL at ten random points and restarted, it ends as if it had never been killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from llama_index_rerank_tuner.journal import Journal
from tests.questions.stub import Answer, Stub, digest, questions_about

# Imports once and forks a child for every order, because importing is slow and the kill is what matters.
FORKING = """
import os, sys
from llama_index.core.schema import TextNode
from llama_index.core.utils import get_tokenizer
from llama_index.llms.openai import OpenAI
from llama_index_rerank_tuner.questions import generate_queries

def generate(url, journal, concurrency, output):
    llm = OpenAI("gpt-4o-mini", api_base=url, api_key="none", max_retries=0, timeout=60.0)
    nodes = [TextNode(id_=f"n{number}", text=f"The rules of the place{number}.") for number in range(40)]
    dataset, _ = generate_queries(nodes, llm, journal=journal, concurrency=int(concurrency), pause=0.01)
    with open(output, "w") as file:
        for example in dataset:
            print(example.query, [passage.node_id for passage in example.positives], file=file)

get_tokenizer()("warm")
OpenAI("gpt-4o-mini", api_key="none")._get_aclient().chat.completions
for order in sys.stdin:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            generate(*order.split())
            status = 0
        finally:
            os._exit(status)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def _answer(prompt: str, before: int) -> Answer:
    """Slow enough to be killed while it waits; garbage to every fifth first prompt."""
    time.sleep(0.02)
    reminded = not prompt.endswith("</passage>\n")
    garbage = int(digest(prompt), 16) % 5 == 0 and not reminded
    return f"{'No list.' if garbage else questions_about(prompt)} {digest(prompt)}"


class _Killer:
    """Runs the generation in a process of its own, and kills it a moment after a random number of calls."""

    def __init__(self, rng: random.Random, tmp_path: Path) -> None:
        self.rng, self.output = rng, tmp_path / "output.txt"
        command = [sys.executable, "-c", FORKING]
        self.forking = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, stub: Stub, journal: Path, concurrency: int, kill: bool) -> str:
        fatal, child = len(stub.log) + self.rng.randint(1, 5), threading.Event()
        pids: list[int] = []

        def called(calls: int) -> None:
            if kill and calls == fatal:
                child.wait()
                threading.Timer(self.rng.uniform(0, 0.05), os.kill, [pids[0], signal.SIGKILL]).start()

        stub.on_call = called
        assert self.forking.stdin is not None
        assert self.forking.stdout is not None
        self.forking.stdin.write(f"{stub.url} {journal} {concurrency} {self.output}\n")
        self.forking.stdin.flush()
        pids.append(int(self.forking.stdout.readline()))
        child.set()
        assert int(self.forking.stdout.readline()) == (-signal.SIGKILL if kill else 0)
        return "" if kill else self.output.read_text()

    def close(self) -> None:
        self.forking.communicate()


@pytest.fixture
def killer(tmp_path: Path) -> Iterator[_Killer]:
    killer = _Killer(random.Random(3), tmp_path)
    yield killer
    killer.close()


@pytest.mark.slow
@pytest.mark.parametrize("concurrency", [1, 4])
def test_killed_ten_times_it_ends_as_if_never_killed(tmp_path: Path, killer: _Killer, concurrency: int) -> None:
    killed, whole = tmp_path / "killed.jsonl", tmp_path / "whole.jsonl"
    with Stub(_answer) as stub:
        lost = 0
        for _ in range(10):
            calls, stored = len(stub.log), _answers(killed)
            killer.run(stub, killed, concurrency, kill=True)
            assert not {digest(prompt) for prompt in stub.log[calls:]} & stored
            lost += len(stub.log) - calls - (len(_answers(killed)) - len(stored))
        calls, stored = len(stub.log), _answers(killed)
        output = killer.run(stub, killed, concurrency, kill=False)
        assert not {digest(prompt) for prompt in stub.log[calls:]} & stored
        asked = Counter(stub.log)
    with Stub(_answer) as stub:
        assert killer.run(stub, whole, concurrency, kill=False) == output
        assert Counter(stub.log) == Counter(set(asked))

    records = killed.read_bytes().splitlines(), whole.read_bytes().splitlines()
    if concurrency == 1:
        assert records[0] == records[1]
    assert sorted(records[0]) == sorted(records[1])
    assert len(records[0]) - 1 == len(asked) > 40
    assert len(output.splitlines()) == 80
    # No call whose answer was stored is made again: a kill loses only the calls that are then under way.
    assert asked.total() - len(asked) == lost <= 10 * concurrency


def _answers(journal: Path) -> set[str]:
    """Digests of the prompts whose answers are stored: the stub puts them into its answers."""
    if not journal.exists():
        return set()
    header = json.loads(journal.read_bytes().splitlines()[0])
    with Journal(journal, header["settings"]) as stored:
        return {stored.get(key)["answer"].split()[-1] for key in stored}
