"""BEIR folders: graded judgements over a corpus, the small literal ones and the real ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.formats.beir import read_beir
from llama_index_rerank_tuner.dataset.formats.beir_export import write_beir
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

CORPUS = """{"_id": "a", "title": "Grant", "text": "Firms under 50 staff.", "metadata": {"law": "L1", "source": "s1"}}
{"_id": 2, "title": "", "text": "表格 AP-2。"}
{"_id": "c", "title": "Only a title", "text": null, "metadata": {"source": 9}}
"""
QUERIES = """{"_id": "q1", "text": "谁可以申请？", "metadata": {"law": "L1"}}
{"_id": "q2", "text": "Which form?"}
{"_id": "unjudged"}
"""
QRELS = "query-id\tcorpus-id\tscore\nq2\tc\t0\nq1\ta\t2\nq1\t2\t1\nq1\tc\t0\n"
FILES = {"corpus.jsonl": CORPUS, "queries.jsonl": QUERIES, "qrels/train.tsv": QRELS}


# A change is keyed by the file's stem: new content, or None to leave the file out.
def _folder(root: Path, **changes: str | bytes | None) -> Path:
    (root / "qrels").mkdir()
    for name, content in FILES.items():
        chosen = changes.get(Path(name).stem, content)
        if chosen is not None:
            (root / name).write_bytes(chosen.encode() if isinstance(chosen, str) else chosen)
    return root


def test_a_folder_gives_judged_questions_and_the_whole_corpus(tmp_path: Path) -> None:
    dataset = RerankDataset.from_beir(_folder(tmp_path))
    assert [(p.node_id, p.text, p.group) for p in dataset.corpus] == [
        ("a", "Grant\nFirms under 50 staff.", "s1"),
        ("2", "表格 AP-2。", None),
        ("c", "Only a title", "9"),
    ]
    assert [(e.query_id, e.query, e.qrels) for e in dataset] == [
        ("q1", "谁可以申请？", {"a": 2, "2": 1, "c": 0}),
        ("q2", "Which form?", {"c": 0}),
    ]
    assert dataset.contract.metadata_mode == "none"


def test_the_group_key_names_the_source_document(tmp_path: Path) -> None:
    dataset = RerankDataset.load(_folder(tmp_path), group_key="law")
    assert [p.group for p in dataset.corpus] == ["L1", None, None]
    assert [e.group for e in dataset] == ["L1", None]


def test_one_judgement_file_can_be_chosen_and_else_all_are_read(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "qrels" / "test.tsv").write_text("q2\t2\t3\n", encoding="utf-8")
    assert [e.qrels for e in RerankDataset.from_beir(folder, qrels="test")] == [{"2": 3}]
    assert RerankDataset.from_beir(folder)[1].qrels == {"2": 3, "c": 0}


def test_windows_lines_a_byte_order_mark_and_no_header_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "windows").mkdir()
    plain = _folder(tmp_path / "plain")
    qrels = "\ufeff" + QRELS.split("\n", 1)[1].replace("\n", "\r\n") + "\r\n"
    windows = _folder(tmp_path / "windows", corpus="\ufeff" + CORPUS.replace("\n", "\r\n"), train=qrels)
    assert RerankDataset.from_beir(windows) == RerankDataset.from_beir(plain)


@pytest.mark.parametrize(
    ("file", "content", "line", "problem", "fix"),
    [
        (
            "qrels/train.tsv",
            QRELS + "q1\tnone\t1\n",
            6,
            "passage 'none' is not in corpus.jsonl",
            "remove the judgement",
        ),
        ("qrels/train.tsv", QRELS + "q9\ta\t1\n", 6, "query 'q9' is not in queries.jsonl", "remove the judgement"),
        ("qrels/train.tsv", "q1 a 1\n", 1, "1 columns", "Expected query-id, corpus-id and score, tab-separated."),
        ("qrels/train.tsv", "q1\t0\ta\t1\n", 1, "4 columns", "tab-separated"),
        ("qrels/train.tsv", "q1\ta\thigh\n", 1, "\"score\" is 'high'", "Expected a number"),
        ("qrels/train.tsv", "q1\ta\t\n", 1, "\"score\" is ''", "Expected a number"),
        ("corpus.jsonl", CORPUS + '{"_id": "a", "text": "again"}', 4, "the id 'a' stands twice", "an id of its own"),
        ("corpus.jsonl", CORPUS + '{"text": "no id"}', 4, 'the key "_id" is missing', 'Add "_id".'),
        ("corpus.jsonl", CORPUS + '{"_id": "d", "title": null}', 4, "\"text\" is ''", "Expected a text"),
        ("corpus.jsonl", CORPUS + '{"_id": "d"', 4, "not valid JSON", "Expected one JSON object a line"),
        (
            "queries.jsonl",
            QUERIES + '{"_id": "q1", "text": "again"}',
            4,
            "the id 'q1' stands twice",
            "id of its own",
        ),
        (
            "queries.jsonl",
            QUERIES + '{"_id": [1], "text": "t"}',
            4,
            'the key "_id" is missing or no text',
            'Add "_id".',
        ),
        ("queries.jsonl", '{"_id": "q2", "text": "t"}\n{"_id": "q1"}', 2, 'the key "text" is missing', 'Add "text".'),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_fix(
    tmp_path: Path, file: str, content: str, line: int, problem: str, fix: str
) -> None:
    folder = _folder(tmp_path, **{Path(file).stem: content})
    with pytest.raises(DataError) as raised:
        RerankDataset.from_beir(folder)
    assert raised.value.where == f"{folder / file} line {line}"
    assert problem in raised.value.problem
    assert fix in raised.value.fix


@pytest.mark.parametrize("file", ["corpus.jsonl", "queries.jsonl"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    folder = _folder(tmp_path, **{Path(file).stem: None})
    with pytest.raises(DataError, match=r"no such file\. Check the path.") as raised:
        RerankDataset.from_beir(folder)
    assert raised.value.where == str(folder / file)


def test_missing_judgements_are_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path, train=None)
    with pytest.raises(DataError, match=r"no judgement file \(\*\.tsv\). Expected qrels/train.tsv"):
        RerankDataset.from_beir(folder)
    with pytest.raises(DataError, match="no such file") as raised:
        RerankDataset.from_beir(folder, qrels="dev")
    assert raised.value.where == str(folder / "qrels" / "dev.tsv")


@pytest.mark.parametrize("stem", ["corpus", "queries", "train"])
def test_a_file_that_is_not_utf8_is_named(tmp_path: Path, stem: str) -> None:
    folder = _folder(tmp_path, **{stem: "谁可以申请".encode("gb18030")})
    with pytest.raises(DataError, match=r"not UTF-8.*iconv") as raised:
        RerankDataset.from_beir(folder)
    assert Path(raised.value.where).stem == stem


def test_a_folder_without_a_judgement_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it holds no record"):
        RerankDataset.from_beir(_folder(tmp_path, train=QRELS.split("\n")[0]))


WRITTEN = [
    RerankExample(
        "q1",
        '谁可以 "apply"?\n🙂',
        positives=(
            Passage("\tFirms, under 50 staff \r\n", "a", label=2.0, group="规定.pdf"),
            Passage("表格", "b", label=0.5),
        ),
        negatives=(Passage("No.", "c", label=-1.0),),
        group="规定.pdf",
        metadata={"paper": "x", "tries": [1, None]},
    ),
    RerankExample("q2", "Which form?", negatives=(Passage("表格", "b", label=0.0),), metadata={"source": "llm"}),
]
WHOLE = [
    Passage("\tFirms, under 50 staff \r\n", "a", group="规定.pdf"),
    *[Passage("unjudged", "z", group="7"), Passage("表格", "b"), Passage("No.", "c")],
]


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    write_beir(WRITTEN, WHOLE, tmp_path / "new", split="dev")
    assert read_beir(tmp_path / "new", qrels="dev") == (WRITTEN, WHOLE)
    assert (tmp_path / "new" / "qrels" / "dev.tsv").read_text(encoding="utf-8") == (
        "query-id\tcorpus-id\tscore\nq1\ta\t2\nq1\tb\t0.5\nq1\tc\t-1\nq2\tb\t0\n"
    )


def test_judged_passages_that_the_corpus_lacks_are_added(tmp_path: Path) -> None:
    write_beir(WRITTEN, [], tmp_path)
    assert [passage.node_id for passage in read_beir(tmp_path)[1]] == ["a", "b", "c"]


def test_a_missing_label_is_written_as_the_side_says(tmp_path: Path) -> None:
    write_beir([RerankExample("q", "q", (Passage("p", "a"),), (Passage("n", "b"),))], [], tmp_path)
    assert read_beir(tmp_path)[0][0].qrels == {"a": 1, "b": 0}


@pytest.mark.parametrize(
    ("example", "problem", "fix"),
    [
        (RerankExample("q", "q", (Passage("p"),)), "it has no id", "Build a RerankDataset"),
        (RerankExample("q", "q", (Passage("p", "a\tb"),)), "holds a tab or a line break", "Choose another id."),
        (RerankExample("q\n", "q", (Passage("p", "a"),)), "holds a tab or a line break", "Choose another id."),
        (RerankExample("q", "q", (Passage("p", "z"),)), "the id stands for two texts", "an id of its own"),
        (RerankExample("q", "q", (Passage("p", "a", label=0.0),)), "a positive has the label 0", "over 0 is relevant"),
        (RerankExample("q", "q", (), (Passage("p", "a", label=2.0),)), "a negative has the label 2", "over 0 is rel"),
        (RerankExample("q", "q", (Passage("p", "a"),), group="g", metadata={"group": "h"}), "another", "Rename"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(tmp_path: Path, example: RerankExample, problem: str, fix: str) -> None:
    with pytest.raises(DataError) as raised:
        write_beir([example], [Passage("other", "z")], tmp_path)
    assert problem in raised.value.problem
    assert fix in raised.value.fix


@pytest.mark.parametrize(
    ("name", "questions", "passages", "groups", "grades"),
    [
        ("qasper/train_evidence", 2058, 3103, 813, {1: 3446}),
        ("stard", 1235, 1445, 0, {1: 2205}),
        ("cranfield", 225, 1398, 0, {1: 363, 2: 733, 3: 387, 4: 128}),
    ],
)
def test_the_real_data_sets_come_in_whole(
    shared_data: Path, name: str, questions: int, passages: int, groups: int, grades: dict[int, int]
) -> None:
    dataset = RerankDataset.load(shared_data / name)
    audit = dataset.audit()
    assert (audit.questions, audit.passages, audit.groups) == (questions, passages, groups)
    assert Counter(grade for example in dataset for grade in example.qrels.values()) == grades
    ids = {passage.node_id for passage in dataset.corpus}
    assert all(key in ids for example in dataset for key in example.qrels)


def test_queries_without_a_judgement_are_counted_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    passage = Passage("Small firms.", node_id="a", label=1.0)
    examples = [RerankExample("1", "Who may apply?", (passage,)), RerankExample("2", "Which form?")]
    write_beir(examples, [passage], tmp_path)
    with caplog.at_level("INFO"):
        read, _ = read_beir(tmp_path)
    assert [example.query_id for example in read] == ["1"]
    assert caplog.messages == [f"{tmp_path}: 1 of 2 queries have no judgement and are left out."]
