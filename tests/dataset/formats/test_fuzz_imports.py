"""Over 4,000 malformed inputs: each ends in questions or in an error that names its place, never in another one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.dataset.coerce import coerce_records
from llama_index_rerank_tuner.dataset.formats.cohere import read_cohere
from llama_index_rerank_tuner.dataset.formats.embedding_qa import read_embedding_qa
from llama_index_rerank_tuner.dataset.formats.msmarco import read_msmarco
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

IDS = st.sampled_from(["1", "2", "7", "8", "", " ", "９", "a b", "\x00"])
TEXTS = st.sampled_from(["谁可以申请？", "AP-2.", "", " ", '"', "\t", "\r", "\u2028", "\x00", "\ud800", "nan", "-1"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 10**400), st.floats(), TEXTS, IDS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(IDS | TEXTS, inner, max_size=3),
    max_leaves=6,
)


def fuzz(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples, deadline=None, database=None, suppress_health_check=checks)


def _check(read: Callable[[], tuple[list[RerankExample], list[Passage]]], place: str) -> None:
    fault: DataError | None = None
    examples: list[RerankExample] = []
    corpus: list[Passage] = []
    try:
        examples, corpus = read()
    except DataError as error:
        fault = error
    if fault is not None:
        assert fault.where.startswith(place)
        assert fault.problem
        assert fault.fix
        str(fault).encode()
    passages = [p for e in examples for p in (*e.positives, *e.negatives)] + corpus
    for text in (*(e.query for e in examples), *(p.text for p in passages)):
        assert text.strip()
        text.encode()
    assert all(p.label is None or abs(p.label) < float("inf") for p in passages)
    assert all(e.where is not None and e.where.startswith(place) for e in examples)
    assert len({e.query_id for e in examples}) == len(examples)


JUNK = [b"", b"\t", b"\n", b"\r", b" ", b"\xff", b"\xbd\xf0", b"\xef\xbb\xbf", b"9", b'"', b"{", b"[", b","]
SEEDS = st.integers(0, 2**32)


def _damaged(content: bytes, seed: int) -> list[bytes]:
    """The content as it is, and four times with bytes cut out and junk put in."""
    chance, versions = random.Random(seed), [content]
    for _ in range(4):
        at = chance.randrange(len(content) + 1)
        versions.append(content[:at] + chance.choice(JUNK) + content[at + chance.randrange(12) :])
    return versions


ROWS = {
    "collection.tsv": ["7\tFirms.", "8\t表格 AP-2。", "9\tFees."],
    "queries.tsv": ["1\t谁可以申请？", "2\tWhich form?"],
    "qrels.tsv": ["1 0 7 2", "2\t0\t8\t1", "1 0 9 0"],
    "triples.tsv": ["1\t7\t8", "2\t8\t9"],
}
ODD_ROWS = st.lists(IDS | TEXTS | st.sampled_from(["0", "1", "7", "8"]), max_size=5).flatmap(
    lambda cells: st.sampled_from(["\t", " "]).map(lambda separator: separator.join(cells))
)


@fuzz(240)
@given(name=st.sampled_from(sorted(ROWS)), odd=st.lists(ODD_ROWS, max_size=3), seed=SEEDS)
def test_msmarco(tmp_path: Path, name: str, odd: list[str], seed: int) -> None:
    for each, rows in ROWS.items():
        (tmp_path / each).write_text("\n".join(rows), encoding="utf-8")
    for content in _damaged("\n".join(ROWS[name] + odd).encode("utf-8", "surrogatepass"), seed):
        (tmp_path / name).write_bytes(content)
        _check(lambda: read_msmarco(tmp_path), str(tmp_path))
    (tmp_path / name).unlink()
    _check(lambda: read_msmarco(tmp_path), str(tmp_path))


@fuzz(80)
@given(odd=st.lists(ODD_ROWS, min_size=1, max_size=4), seed=SEEDS)
def test_msmarco_triples_of_texts(tmp_path: Path, odd: list[str], seed: int) -> None:
    for content in _damaged("\n".join(["Who?\tFirms.\tFees.", *odd]).encode("utf-8", "surrogatepass"), seed):
        (tmp_path / "triples.tsv").write_bytes(content)
        _check(lambda: read_msmarco(tmp_path), str(tmp_path))


TABLE = st.dictionaries(IDS, TEXTS | VALUES, max_size=3) | VALUES
RELEVANT = st.dictionaries(IDS, st.lists(IDS, max_size=3) | VALUES, max_size=3) | VALUES
EMBEDDING_QA = st.fixed_dictionaries(
    {}, optional={"queries": TABLE, "corpus": TABLE, "relevant_docs": RELEVANT, "mode": st.just("text") | SCALARS}
)


@fuzz(180)
@given(content=EMBEDDING_QA | VALUES, seed=SEEDS)
def test_embedding_qa(tmp_path: Path, content: Any, seed: int) -> None:
    path = tmp_path / "train.json"
    for damaged in _damaged(json.dumps(content).encode(), seed):
        path.write_bytes(damaged)
        _check(lambda: read_embedding_qa(path), str(path))


COHERE = st.fixed_dictionaries(
    {},
    optional={
        "query": TEXTS | VALUES,
        "relevant_passages": st.lists(TEXTS | VALUES, max_size=3) | VALUES,
        "hard_negatives": st.lists(TEXTS, max_size=3) | VALUES,
    },
)


@fuzz(180)
@given(records=st.lists(COHERE | VALUES, min_size=1, max_size=3), seed=SEEDS)
def test_cohere(tmp_path: Path, records: list[Any], seed: int) -> None:
    path = tmp_path / "train.jsonl"
    for damaged in _damaged("\n".join(map(json.dumps, records)).encode(), seed):
        path.write_bytes(damaged)
        _check(lambda: (read_cohere(path), []), str(path))


SAMPLES = st.builds(lambda q, c, s: SimpleNamespace(query=q, context=c, score=s), VALUES, VALUES, VALUES)
TRIPLES = st.fixed_dictionaries({"query": TEXTS, "passage": TEXTS, "score": SCALARS}, optional={"group": VALUES})


@fuzz(450)
@given(records=st.lists(TRIPLES | COHERE | SAMPLES | VALUES, max_size=3) | EMBEDDING_QA | VALUES)
def test_records_in_memory(records: Any) -> None:
    _check(lambda: coerce_records(records), "dataset")


NAMES = st.sampled_from(["query", "passage", "positive", "negative", "label", "scores", "question", "x"])
CELLS: list[st.SearchStrategy[Any]] = [
    TEXTS.filter(lambda text: text != "\ud800") | st.none(),
    st.floats() | st.none(),
    st.lists(st.sampled_from(["a", "", "b"]) | st.none(), max_size=2) | st.none(),
    st.lists(st.floats() | st.none(), max_size=2) | st.none(),
]
COLUMNS = st.integers(1, 3).flatmap(
    lambda rows: st.dictionaries(
        NAMES, st.sampled_from(CELLS).flatmap(lambda cell: st.lists(cell, min_size=rows, max_size=rows)), max_size=5
    )
)


@fuzz(120)
@given(columns=COLUMNS)
def test_hugging_face_datasets(columns: dict[str, list[Any]]) -> None:
    _check(lambda: coerce_records(Dataset.from_dict(columns)), "dataset")


def test_the_check_itself_refuses_what_it_should() -> None:
    for example in (
        RerankExample("q0", " ", where="place line 1"),
        RerankExample("q0", "q", (Passage("p", label=float("nan")),), where="place line 1"),
        RerankExample("q0", "q", where="elsewhere"),
    ):
        with pytest.raises(AssertionError):
            _check(lambda example=example: ([example], []), "place")
