"""Annotation sheets: what is written for a person, and what is read from what the person filled in."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.dataset.formats.sheet_cells import guarded, guarded_id, unguarded, unguarded_id
from llama_index_rerank_tuner.dataset.formats.sheets import read_sheet, write_sheet
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved

RETRIEVED = {"bm25": Retrieved(1, 9.5), "dense:mini": Retrieved(4, 0.3)}
EXAMPLE = RerankExample(
    "007",
    '谁可以申请 "the grant",\nand how? 🙂',
    positives=(Passage("小微企业。", "n1", label=2.0),),
    negatives=(Passage("-5 % is the rate", "3/4", label=0.0),),
    candidates=(Passage("=HYPERLINK(1)", "n3", retrieved=RETRIEVED), Passage("小微企业。", "n1", retrieved=RETRIEVED)),
    group="规定.pdf",
    metadata={"comments": {"n3": "@look, 2nd line"}},
)


def _sheet(folder: Path, content: str, name: str = "sheet.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


def test_one_row_a_pair_candidates_first_with_what_is_known(tmp_path: Path) -> None:
    write_sheet([EXAMPLE], tmp_path / "sheet.csv")
    assert (tmp_path / "sheet.csv").read_bytes().startswith(b"\xef\xbb\xbfquery_id,query,")
    with (tmp_path / "sheet.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    query = '谁可以申请 "the grant",\nand how? 🙂'
    assert rows == [
        ["query_id", "query", "passage_id", "passage", "source", "rank", "label", "comment", "group"],
        ["'007", query, "n3", "'=HYPERLINK(1)", "bm25; dense:mini", "1; 4", "", "'@look, 2nd line", "规定.pdf"],
        ["'007", query, "n1", "小微企业。", "bm25; dense:mini", "1; 4", "2", "", "规定.pdf"],
        ["'007", query, "'3/4", "'-5 % is the rate", "", "", "0", "", "规定.pdf"],
    ]


@pytest.mark.parametrize("name", ["sheet.csv", "sheet.tsv"])
def test_what_is_written_is_read_back_but_for_ranks(tmp_path: Path, name: str) -> None:
    write_sheet([EXAMPLE], tmp_path / name)
    unjudged, judged = Passage("=HYPERLINK(1)", "n3"), Passage("小微企业。", "n1", label=2.0)
    assert read_sheet(tmp_path / name) == [
        RerankExample(
            "007",
            EXAMPLE.query,
            positives=(judged,),
            negatives=EXAMPLE.negatives,
            candidates=(unjudged, judged),
            group="规定.pdf",
            metadata=EXAMPLE.metadata,
        )
    ]
    write_sheet(read_sheet(tmp_path / name), tmp_path / f"again-{name}")
    assert read_sheet(tmp_path / f"again-{name}") == read_sheet(tmp_path / name)


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        *[(cell, 1.0) for cell in ("1", "１", "1.0", "yes", "Y", "TRUE", "是", "相关")],
        *[(cell, 0.0) for cell in ("0", "No ", "n", "false", "否", " 不相关")],
        ("2.5", 2.5),
        ("-1", -1.0),
    ],
)
def test_every_accepted_label_is_read(tmp_path: Path, cell: str, label: float) -> None:
    (example,) = read_sheet(_sheet(tmp_path, f"query,passage,label\nq,p,{cell}\n"))
    judged = (Passage("p", label=label),)
    assert (example.positives, example.negatives) == ((judged, ()) if label > 0 else ((), judged))
    assert (example.query_id, example.candidates) == ("q0", None)


@pytest.mark.parametrize("cell", ["", " ", "\u3000"])
def test_a_blank_label_makes_a_candidate_and_no_negative(tmp_path: Path, cell: str) -> None:
    (example,) = read_sheet(_sheet(tmp_path, f"query;passage;label\nq;p;{cell}\nq;r;否\n"))
    assert (example.positives, example.negatives) == ((), (Passage("r", label=0.0),))
    assert example.candidates == (Passage("p"),)


def test_a_passage_judged_both_ways_is_written_blank(tmp_path: Path) -> None:
    example = RerankExample("q0", "q", (Passage("p", "n", label=1.0),), (Passage("p", "n", label=0.0),))
    write_sheet([example], tmp_path / "sheet.csv")
    assert read_sheet(tmp_path / "sheet.csv") == [RerankExample("q0", "q", candidates=(Passage("p", "n"),))]


@pytest.mark.parametrize(
    ("content", "line", "problem", "fix"),
    [
        ("query,passage,label\nq,p,1\nq,r,maybe\n", 3, "\"label\" is 'maybe'", "相关 or 不相关"),
        ("query,passage,label\nq,p,inf\n", 2, "\"label\" is 'inf'", "Write 1 or 0 or a grade"),
        ("query,passage,label\nq,,1\n", 2, '"passage" is None', "Expected a text"),
        ("query,passage\nq,p\n", 2, 'the column "label" is missing (it has query, passage)', 'Add "label".'),
        (
            "query,passage,label\nq,p,1\nq,p,\n",
            3,
            "the pair stands twice, with the labels 1 and blank",
            "Keep one row.",
        ),
        (
            "query,passage_id,passage,label\nq,a,p,1\nq,a,r,1\n",
            3,
            "the passage id 'a' stands for two passages",
            "an id of its own",
        ),
        (
            "query_id,query,passage,label\n1,q,p,1\n1,r,p,1\n",
            3,
            "the query id '1' stands for two queries",
            "of its own",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_its_fix(
    tmp_path: Path, content: str, line: int, problem: str, fix: str
) -> None:
    path = _sheet(tmp_path, content)
    with pytest.raises(DataError) as raised:
        read_sheet(path)
    assert raised.value.where == f"{path} line {line}"
    assert problem in raised.value.problem
    assert fix in raised.value.fix


def test_a_sheet_without_a_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it holds no row"):
        read_sheet(_sheet(tmp_path, "query,passage,label\n"))


_CELLS = st.text(st.sampled_from("'=+-@＝\t\r\n\x1f a1./"), max_size=6) | st.text(max_size=6)


@settings(max_examples=300, deadline=None)
@given(cell=_CELLS)
def test_guarding_can_be_undone_and_leaves_no_formula(cell: str) -> None:
    for guard, undo in ((guarded, unguarded), (guarded_id, unguarded_id)):
        written = guard(cell)
        assert written is not None
        assert undo(written) == cell
        assert not written.lstrip().startswith(("=", "+", "-", "@", "＝"))
        assert not written.startswith(("\t", "\r"))
