"""MS MARCO folders: collection, queries, qrels, and triples of ids or of texts."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest

from llama_index_rerank_tuner.dataset.formats.msmarco import read_msmarco, write_msmarco, write_text_triples
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from tests.dataset.formats.bilingual import CORPUS, EXAMPLES

COLLECTION = "7\tFirms under 50 staff.\n8\t表格 AP-2。\n9\tThe fee is 40 crowns.\n"
QUERIES = "1\t谁可以申请？\n2\tWhich form?\n3\tUnjudged?\n"
QRELS = "1 0 7 2\n2\t0\t8\t1\n1 0 9 0\n"
FILES = {"collection.tsv": COLLECTION, "queries.tsv": QUERIES, "qrels.tsv": QRELS}


def _folder(root: Path, files: dict[str, str]) -> Path:
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        (root / name).write_bytes(content.encode())
    return root


def _sides(examples: list[RerankExample]) -> list[tuple[str, list[tuple[str, float]], list[tuple[str, float]]]]:
    return [
        (e.query_id, [(p.key, p.label or 0.0) for p in e.positives], [(p.key, p.label or 0.0) for p in e.negatives])
        for e in examples
    ]


def test_a_folder_gives_judged_questions_and_the_whole_collection(tmp_path: Path) -> None:
    examples, corpus = read_msmarco(_folder(tmp_path, FILES))
    assert _sides(examples) == [("1", [("7", 2.0)], [("9", 0.0)]), ("2", [("8", 1.0)], [])]
    assert [(e.query, e.where) for e in examples] == [
        ("谁可以申请？", f"{tmp_path / 'qrels.tsv'} line 1"),
        ("Which form?", f"{tmp_path / 'qrels.tsv'} line 2"),
    ]
    assert [(p.node_id, p.text) for p in corpus] == [
        ("7", "Firms under 50 staff."),
        ("8", "表格 AP-2。"),
        ("9", "The fee is 40 crowns."),
    ]


def test_triples_of_ids_add_what_the_qrels_lack_and_keep_their_grades(tmp_path: Path) -> None:
    folder = _folder(tmp_path, FILES | {"triples.tsv": "1\t7\t9\n1\t7\t8\n2\t8\t7\n"})
    examples, _ = read_msmarco(folder)
    assert _sides(examples) == [("1", [("7", 2.0)], [("9", 0.0), ("8", 0.0)]), ("2", [("8", 1.0)], [("7", 0.0)])]


def test_triples_of_ids_are_enough_without_qrels(tmp_path: Path) -> None:
    files = {"collection.tsv": COLLECTION, "queries.tsv": QUERIES, "triples.train.tsv": "3\t9\t7\n3\t9\t8\n"}
    examples, corpus = read_msmarco(_folder(tmp_path, files))
    assert _sides(examples) == [("3", [("9", 1.0)], [("7", 0.0), ("8", 0.0)])]
    assert len(corpus) == 3


def test_a_pair_that_triples_put_on_both_sides_is_kept_for_the_audit(tmp_path: Path) -> None:
    files = {"collection.tsv": COLLECTION, "queries.tsv": QUERIES, "triples.tsv": "1\t7\t8\n1\t8\t7\n"}
    examples, _ = read_msmarco(_folder(tmp_path, files))
    assert _sides(examples) == [("1", [("7", 1.0), ("8", 1.0)], [("8", 0.0), ("7", 0.0)])]


def test_triples_of_texts_stand_alone(tmp_path: Path) -> None:
    lines = "谁可以申请？\t小微企业。\t表格 AP-2。\n谁可以申请？\t小微企业。\t费用 40。\nWhich form?\tAP-2.\tAP-3.\n"
    examples, corpus = read_msmarco(_folder(tmp_path, {"triples.tsv": lines}))
    assert corpus == []
    assert [(e.query_id, e.query, e.where) for e in examples] == [
        ("q0", "谁可以申请？", f"{tmp_path / 'triples.tsv'} line 1"),
        ("q1", "Which form?", f"{tmp_path / 'triples.tsv'} line 3"),
    ]
    assert _sides(examples) == [
        ("q0", [("小微企业。", 1.0)], [("表格 AP-2。", 0.0), ("费用 40。", 0.0)]),
        ("q1", [("AP-2.", 1.0)], [("AP-3.", 0.0)]),
    ]


def test_a_split_reads_its_own_files(tmp_path: Path) -> None:
    files = {
        "collection.tsv": COLLECTION,
        "queries.train.tsv": "1\t谁可以申请？\n",
        "queries.dev.tsv": "2\tWhich form?\n",
        "qrels.train.tsv": "1 0 7 1\n",
        "qrels.dev.tsv": "2 0 8 1\n",
    }
    folder = _folder(tmp_path, files)
    assert [e.query_id for e in read_msmarco(folder, split="dev")[0]] == ["2"]
    assert [e.query_id for e in read_msmarco(folder)[0]] == ["2", "1"]
    with pytest.raises(DataError, match=r"it holds no judgements\. Expected qrels\.test\.tsv or triples\.test\.tsv"):
        read_msmarco(folder, split="test")


def test_windows_lines_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    windows = {name: "\ufeff" + content.replace("\n", "\r\n") for name, content in FILES.items()}
    assert read_msmarco(_folder(tmp_path / "windows", windows)) == read_msmarco(_folder(tmp_path / "plain", FILES))


@pytest.mark.parametrize(
    ("file", "content", "line", "problem", "fix"),
    [
        ("qrels.tsv", QRELS + "1 0 99 1\n", 4, "passage '99' is not in collection.tsv", "Add it"),
        ("qrels.tsv", QRELS + "99 0 7 1\n", 4, "query '99' is not in queries.tsv", "Add it"),
        ("qrels.tsv", QRELS + "1 7 1\n", 4, "3 columns", "Expected query id, 0, passage id and grade"),
        ("qrels.tsv", QRELS + "1 0 8 high\n", 4, "\"grade\" is 'high'", "Expected a number"),
        ("qrels.tsv", QRELS + "1 0 8 nan\n", 4, "\"grade\" is 'nan'", "Expected a number"),
        ("qrels.tsv", QRELS + "1 0 7 1\n", 4, "'1' and '7' are judged 2 and 1", "Keep one."),
        ("qrels.tsv", QRELS + "1 0 9 3\n", 4, "'1' and '9' are judged 0 and 3", "Keep one."),
        ("triples.tsv", "1\t7\t99\n", 1, "passage '99' is not in collection.tsv", "Add it"),
        ("triples.tsv", "1\t99\t7\n", 1, "passage '99' is not in collection.tsv", "Add it"),
        ("triples.tsv", "\n99\t7\t8\n", 2, "query '99' is not in queries.tsv", "Add it"),
        ("triples.tsv", "1\t7\t8\t9\n", 1, "4 columns", "Expected query, positive and negative, tab-separated."),
        ("collection.tsv", COLLECTION + "7\tAnother.\n", 4, "the id '7' stands for two texts", "an id of its own"),
        ("collection.tsv", COLLECTION + "10\n", 4, "1 columns", "Expected an id and a text, tab-separated."),
        ("collection.tsv", COLLECTION + "10\ta\tb\n", 4, "3 columns", "Expected an id and a text, tab-separated."),
        ("collection.tsv", COLLECTION + "10\t \n", 4, "\"text\" is ' '", "Expected a text"),
        ("queries.tsv", QUERIES + "\tNo id?\n", 4, "\"id\" is ''", "Expected a text"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_fix(
    tmp_path: Path, file: str, content: str, line: int, problem: str, fix: str
) -> None:
    folder = _folder(tmp_path, FILES | {file: content})
    with pytest.raises(DataError) as raised:
        read_msmarco(folder)
    assert raised.value.where == f"{folder / file} line {line}"
    assert problem in raised.value.problem
    assert fix in raised.value.fix


@pytest.mark.parametrize("name", ["collection.tsv", "queries.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = _folder(tmp_path, {each: content for each, content in FILES.items() if each != name})
    with pytest.raises(DataError, match="no such file") as raised:
        read_msmarco(folder)
    assert raised.value.where == str(folder / name)


def test_triples_of_ids_without_a_collection_are_not_taken_for_texts(tmp_path: Path) -> None:
    folder = _folder(tmp_path, {"triples.tsv": "1\t7\t8\n"})
    with pytest.raises(DataError, match=r"it holds ids, and there is no collection.tsv\. Add collection.tsv"):
        read_msmarco(folder)


def test_an_empty_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"it holds no judgements\. Expected qrels\.tsv or triples\.tsv\."):
        read_msmarco(tmp_path)
    with pytest.raises(DataError, match="no such folder") as raised:
        read_msmarco(tmp_path / "none")
    assert raised.value.where == str(tmp_path / "none")


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    write_msmarco(EXAMPLES, CORPUS, tmp_path / "out")
    assert read_msmarco(tmp_path / "out") == (EXAMPLES, CORPUS)
    lines = (tmp_path / "out" / "qrels.tsv").read_text(encoding="utf-8").splitlines()
    assert lines == ["q-zh\t0\tzh-1\t1", "q-zh\t0\tzh-2\t0", "q-en\t0\ten/1\t2", "q-en\t0\ten/2\t1", "q-en\t0\tzh-1\t0"]
    triples = (tmp_path / "out" / "triples.tsv").read_text(encoding="utf-8").splitlines()
    assert triples == ["q-zh\tzh-1\tzh-2", "q-en\ten/1\tzh-1", "q-en\ten/2\tzh-1"]


def test_triples_alone_give_the_same_sides_as_the_qrels(tmp_path: Path) -> None:
    write_msmarco(EXAMPLES, CORPUS, tmp_path)
    (tmp_path / "qrels.tsv").unlink()
    flat = [[(e.query_id, p.key) for p in (*e.positives, *e.negatives)] for e in read_msmarco(tmp_path)[0]]
    assert flat == [[(e.query_id, p.key) for p in (*e.positives, *e.negatives)] for e in EXAMPLES]


def test_without_negatives_no_triples_are_written(tmp_path: Path) -> None:
    write_msmarco([replace(EXAMPLES[1], negatives=())], CORPUS, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["collection.tsv", "qrels.tsv", "queries.tsv"]


def test_text_triples_are_read_back_equal(tmp_path: Path) -> None:
    write_text_triples(EXAMPLES, tmp_path / "first")
    first = read_msmarco(tmp_path / "first")
    assert [(e.query, [p.text for p in e.positives], [p.text for p in e.negatives]) for e in first[0]] == [
        (e.query, [p.text for p in e.positives], [p.text for p in e.negatives]) for e in EXAMPLES
    ]
    write_text_triples(first[0], tmp_path / "second")
    assert read_msmarco(tmp_path / "second") == first


@pytest.mark.parametrize("text", ["two\nlines", "a\ttab", "a\rreturn"])
def test_a_text_that_no_tsv_can_hold_is_refused_or_flattened(tmp_path: Path, text: str) -> None:
    example = RerankExample("q", text, (Passage("p", "a", 1.0),), (Passage(text, "b", 0.0),))
    before = copy.deepcopy(example)
    for write in (lambda: write_msmarco([example], (), tmp_path), lambda: write_text_triples([example], tmp_path)):
        with pytest.raises(DataError, match=r"holds a tab or a line break\. Pass flatten=True"):
            write()
    assert list(tmp_path.iterdir()) == []
    write_msmarco([example], (), tmp_path, flatten=True)
    flat = " ".join(text.split())
    assert read_msmarco(tmp_path)[1] == [Passage("p", "a"), Passage(flat, "b")]
    assert read_msmarco(tmp_path)[0][0].query == flat
    assert example == before


@pytest.mark.parametrize(
    ("example", "problem"),
    [
        (RerankExample("q 1", "q", (Passage("p", "a"),)), "the id is empty or holds white space"),
        (RerankExample("q", "q", (Passage("p", "a b"),)), "the id is empty or holds white space"),
        (RerankExample("q", "q", (Passage("p"),)), "the passage 'p' has no id"),
        (RerankExample("q", "q", (Passage("p", "a"),), (Passage("n", "a"),)), "'a' stands for two texts"),
        (RerankExample("q", "q", (Passage("p", "a"),), (Passage("p", "a"),)), "judged relevant and irrelevant"),
        (RerankExample("q", "q", (Passage("p", "a", 0.0),)), "a positive has the label 0"),
        (RerankExample("q", "q", (), (Passage("p", "a", 1.0),)), "a negative has the label 1"),
    ],
)
def test_what_would_not_be_read_back_is_not_written(tmp_path: Path, example: RerankExample, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        write_msmarco([example], (), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_query_id_that_stands_twice_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the query id 'q-zh' stands twice"):
        write_msmarco([EXAMPLES[0], EXAMPLES[0]], CORPUS, tmp_path)


@pytest.mark.parametrize(("side", "name"), [("positives", "positive"), ("negatives", "negative")])
def test_text_triples_need_both_sides(tmp_path: Path, side: str, name: str) -> None:
    with pytest.raises(DataError, match=f"the query has no {name} passage"):
        write_text_triples([replace(EXAMPLES[0], **{side: ()})], tmp_path)
    assert list(tmp_path.iterdir()) == []
