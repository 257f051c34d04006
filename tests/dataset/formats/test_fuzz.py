"""Malformed files: every reader gives records, or an error that names the file; never anything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.dataset.formats.beir import read_beir
from llama_index_rerank_tuner.dataset.formats.groups import read_groups, write_groups
from llama_index_rerank_tuner.dataset.formats.sheets import read_sheet, write_sheet
from llama_index_rerank_tuner.dataset.formats.triples import read_triples, write_triples
from llama_index_rerank_tuner.errors import DataError

TRIPLE = {
    "query": "谁可以申请？",
    "passage": "小微企业。",
    "score": 1,
    "query_id": "q",
    "passage_id": "p",
    "group": "g",
}
GROUP = {
    "query": "Who?",
    "pos": ["p"],
    "neg": ["n"],
    "pos_ids": ["1"],
    "neg_scores": [0.5],
    "neg_sources": [{"bm25": [1, 2.5]}],
    "candidates": [{"text": "n", "id": "2", "sources": {"bm25": [1, 2.5]}}],
    "prompt": "x",
    "metadata": {"a": [1]},
}
BEIR: dict[str, dict[str, Any]] = {
    "corpus.jsonl": {"_id": "d", "title": "t", "text": "passage", "metadata": {"group": "g"}},
    "queries.jsonl": {"_id": "q", "text": "query", "metadata": {"paper": "g", "n": 1}},
}
TABLE = 'query_id,query,passage_id,passage,source,rank,score,label,comment,group\nq,谁,p,"小,微",bm25,1,1,1,c,g\n'
QRELS = "query-id\tcorpus-id\tscore\nq\td\t1\n"

_ODD_TEXT = st.sampled_from(["", " ", "\ud800", "\x00", "a\tb\r\n", "=1+1", "'", "NaN", "1e999", "q" * 300, "是"])
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | _ODD_TEXT
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
_RAW = st.sampled_from(
    [
        *b'|\x00|\xff|\xed\xa0\x80|"|[|{{{|\n|\r|,|\t|NaN|-Infinity|\\ud800|\xef\xbb\xbf|\xfe\xff|\xcb\xad'.split(b"|"),
        *[b'{"a":1,"a":2}', b"9" * 5000, b"[" * 100_000],
    ]
)


@st.composite
def _malformed_lines(draw: st.DrawFn, *valid: dict[str, Any]) -> bytes:
    """JSON lines with one record changed, or with bytes put in, taken out or added."""
    record = dict(draw(st.sampled_from(valid)))
    kind = draw(st.sampled_from(["value", "drop", "other", "bytes", "bytes", "list"]))
    if kind == "value":
        record[draw(st.sampled_from([*record, "label", "text", "pos_labels"]))] = draw(_JSON)
    elif kind == "drop":
        del record[draw(st.sampled_from(sorted(record)))]
    content = json.dumps(draw(_JSON) if kind == "other" else record, ensure_ascii=draw(st.booleans()))
    if kind == "list":
        content = f"[{content}" + draw(st.sampled_from(["]", "", ",]", "]]", ",1]", "] x"]))
    encoded = content.encode("utf-8", "surrogatepass")
    whole = b"\n".join([json.dumps(valid[0]).encode(), encoded]) if draw(st.booleans()) else encoded
    return draw(_with_bytes(whole)) if kind == "bytes" else whole


@st.composite
def _with_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    start = draw(st.integers(0, len(content)))
    end = min(len(content), start + draw(st.integers(0, 4)))
    return content[:start] + draw(_RAW | st.binary(max_size=6)) + content[end:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzz")
    (root / "beir" / "qrels").mkdir(parents=True)
    for name, record in BEIR.items():
        (root / "beir" / name).write_text(json.dumps(record), encoding="utf-8")
    (root / "beir" / "qrels" / "test.tsv").write_text(QRELS, encoding="utf-8")
    return root


def _fuzzed(examples: int) -> Callable[[Any], Any]:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    phases = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
    return settings(max_examples=examples, deadline=None, suppress_health_check=checks, phases=phases, database=None)


def _records_or_an_error_that_names(read: Callable[[Path], Any], path: Path) -> list[Any] | None:
    refusal, result = None, None
    try:
        result = read(path)
    except DataError as error:
        refusal = error
    if refusal is None:
        assert result
        return list(result)
    assert str(path) in refusal.where
    assert refusal.problem
    assert refusal.fix
    assert str(refusal).encode("utf-8")
    return None


@_fuzzed(1100)
@given(content=_malformed_lines(TRIPLE))
def test_triples(folder: Path, content: bytes) -> None:
    path = folder / "train.jsonl"
    path.write_bytes(content)
    examples = _records_or_an_error_that_names(read_triples, path)
    if examples is not None:
        write_triples(examples, folder / "written.jsonl")
        assert read_triples(folder / "written.jsonl") == examples


@_fuzzed(1100)
@given(content=_malformed_lines(GROUP))
def test_groups(folder: Path, content: bytes) -> None:
    path = folder / "groups.jsonl"
    path.write_bytes(content)
    examples = _records_or_an_error_that_names(read_groups, path)
    if examples is not None:
        write_groups(examples, folder / "written.jsonl")
        assert repr(read_groups(folder / "written.jsonl")).count("RerankExample(") == len(examples)


@_fuzzed(1600)
@given(content=_with_bytes(TABLE.encode()), suffix=st.sampled_from([".csv", ".tsv"]))
def test_tables_of_triples(folder: Path, content: bytes, suffix: str) -> None:
    path = folder / f"train{suffix}"
    path.write_bytes(content.replace(b",", b"\t") if suffix == ".tsv" else content)
    examples = _records_or_an_error_that_names(read_triples, path)
    if examples is not None:
        write_triples(examples, folder / f"written{suffix}")
        assert read_triples(folder / f"written{suffix}") == examples


@_fuzzed(1600)
@given(content=_with_bytes(TABLE.encode()))
def test_sheets(folder: Path, content: bytes) -> None:
    path = folder / "sheet.csv"
    path.write_bytes(content)
    examples = _records_or_an_error_that_names(read_sheet, path)
    if examples is not None:
        write_sheet(examples, folder / "written.csv")
        assert read_sheet(folder / "written.csv") == examples


@_fuzzed(650)
@given(data=st.data(), name=st.sampled_from(["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"]))
def test_beir_folders(folder: Path, data: st.DataObject, name: str) -> None:
    malformed = _malformed_lines(BEIR[name]) if name in BEIR else _with_bytes(QRELS.encode())
    path = folder / "beir" / name
    valid = path.read_bytes()
    path.write_bytes(data.draw(malformed))
    try:
        _records_or_an_error_that_names(read_beir, folder / "beir")
    finally:
        path.write_bytes(valid)
