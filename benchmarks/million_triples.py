"""A large triples file: seconds and peak memory to read it into a data set, audit it and write it again.

    python benchmarks/million_triples.py [TRIPLES]

The file (1,000,000 triples unless told) is made in a temporary directory from a fixed seed: queries of 60 characters
with 5 to 10 triples each, passages of 300, every second one Chinese, each under about four queries. A process of its
own then takes the steps one after the other; its peak memory so far is printed after each.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

QUERY, PASSAGE, SHARED_BY = 60, 300, 4
IDEOGRAPHS = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]


def words(rng: random.Random) -> list[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return ["".join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(20_000)]


def text(rng: random.Random, vocabulary: list[str], length: int, chinese: bool) -> str:
    if chinese:
        return "".join(rng.choices(IDEOGRAPHS, k=length))
    return " ".join(rng.choices(vocabulary, k=length // 7 + 1))


def write_file(path: Path, count: int) -> None:
    rng = random.Random(0)
    vocabulary = words(rng)
    passages = [text(rng, vocabulary, PASSAGE, index % 2 == 0) for index in range(max(10, count // SHARED_BY))]
    written = 0
    with path.open("w", encoding="utf-8") as stream:
        while written < count:
            query = text(rng, vocabulary, QUERY, written % 2 == 0)
            for position in range(min(rng.randint(5, 10), count - written)):
                record = {"query": query, "passage": rng.choice(passages), "score": int(position == 0)}
                stream.write(json.dumps(record, ensure_ascii=False) + "\n")
                written += 1


def measured(name: str, step: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    result = step()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {name} | {seconds:.1f} | {peak:,.0f} |", flush=True)
    return result


def measure(path: Path) -> None:
    from llama_index_rerank_tuner.dataset import RerankDataset
    from llama_index_rerank_tuner.dataset.formats.triples import iter_triples, write_triples

    print("| step | seconds | peak MiB so far |\n|---|---|---|")
    rewritten = path.with_name("rewritten.jsonl")
    measured("iter_triples to write_triples, one at a time", lambda: write_triples(iter_triples(path), rewritten))
    dataset = measured("RerankDataset.from_triples", lambda: RerankDataset.from_triples(path))
    measured("audit()", dataset.audit)
    measured("to_triples", lambda: dataset.to_triples(path.with_name("written.jsonl")))
    print(
        f"{len(dataset):,} questions, {len(dataset.corpus):,} passages, {path.stat().st_size / 2**20:,.0f} MiB on disk"
    )


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
        return
    count = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "triples.jsonl"
        # A child process starts with its parent's peak, and making the file holds all passages: so that is a child too.
        maker = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import million_triples as m; "
        maker += f"m.write_file(m.Path({str(path)!r}), {count})"
        subprocess.run([sys.executable, "-c", maker], check=True)
        print(f"{count:,} triples")
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True)


if __name__ == "__main__":
    main()
