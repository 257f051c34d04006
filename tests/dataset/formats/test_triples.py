"""The triples format: ``{"query", "passage", "score"}`` as JSONL or a JSON list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.formats.triples import JudgedPair, iter_triples, read_triples, write_triples
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.records import Passage, RerankExample

GOOD = '{"query": "Who may apply?", "passage": "Firms under 50 staff.", "score": 1}'
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda text: text.strip() != "")


def _file(folder: Path, content: str | bytes, name: str = "train.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_pairs_of_one_query_become_one_question(tmp_path: Path) -> None:
    rows = [("谁可以申请？", "小微企业。", 1), ("What fee?", "40 crowns.", 2), ("谁可以申请？", "表格 AP-2。", 0)]
    path = _file(tmp_path, "\n".join(json.dumps({"query": q, "passage": p, "score": s}) for q, p, s in rows))
    dataset = RerankDataset.from_triples(path)
    assert [(e.query_id, e.query, e.where) for e in dataset] == [
        ("q0", "谁可以申请？", f"{path} line 1"),
        ("q1", "What fee?", f"{path} line 2"),
    ]
    assert [[(p.text, p.label) for p in e.positives] for e in dataset] == [[("小微企业。", 1.0)], [("40 crowns.", 2.0)]]
    assert [[(p.text, p.label) for p in e.negatives] for e in dataset] == [[("表格 AP-2。", 0.0)], []]
    assert [p.text for p in dataset.corpus] == ["小微企业。", "表格 AP-2。", "40 crowns."]


@pytest.mark.parametrize(
    ("score", "relevant"),
    [
        (1, True),
        (0, False),
        (True, True),
        (False, False),
        ("1", True),
        ("0.0", False),
        (0.5, True),
        (0.49, False),
        (-1, False),
    ],
)
def test_a_score_of_at_least_one_half_is_relevant(tmp_path: Path, score: object, relevant: bool) -> None:
    path = _file(tmp_path, json.dumps({"query": "q", "passage": "p", "score": score}))
    example = RerankDataset.from_triples(path)[0]
    assert (len(example.positives), len(example.negatives)) == ((1, 0) if relevant else (0, 1))


@pytest.mark.parametrize(
    "content",
    [
        f"{GOOD}\n",
        GOOD,
        f"\n\n{GOOD}\n  \n",
        f"{GOOD}\r\n",
        f"[{GOOD}]",
        f" \n[\n{GOOD}\n]\n",
        "\ufeff" + GOOD,
        f"\ufeff[{GOOD}]",
    ],
    ids=["jsonl", "no last newline", "blank lines", "crlf", "list", "pretty list", "byte order mark", "list with mark"],
)
def test_every_usual_spelling_of_a_file_reads_the_same(tmp_path: Path, content: str) -> None:
    path = _file(tmp_path, content)
    expected = RerankDataset.from_records([json.loads(GOOD)])
    assert RerankDataset.from_triples(path) == expected
    assert RerankDataset.load(path) == expected


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, TEXTS, st.sampled_from([0, 1, 2, 0.25, 3.5])), min_size=1, max_size=8))
def test_what_is_written_is_read_back(
    rows: list[tuple[str, str, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("triples") / "round.jsonl"
    dataset = RerankDataset.from_records({"query": q, "passage": p, "score": s} for q, p, s in rows)
    dataset.to_triples(path)
    assert RerankDataset.from_triples(path) == dataset
    assert RerankDataset.load(path) == dataset


def test_ids_and_groups_survive_the_round_trip(tmp_path: Path) -> None:
    record = {"query": "q", "passage": "p", "score": 1, "query_id": "7", "passage_id": "n1", "group": "report.pdf"}
    dataset = RerankDataset.from_records([record, record | {"passage": "other", "passage_id": 12, "score": 0}])
    dataset.to_triples(tmp_path / "out.jsonl")
    assert (dataset[0].query_id, dataset[0].group) == ("7", "report.pdf")
    assert [p.node_id for p in dataset.corpus] == ["n1", "12"]
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")[0]) == record
    assert RerankDataset.from_triples(tmp_path / "out.jsonl") == dataset


REALISTIC = [
    RerankExample(
        "q-1",
        '谁可以申请 "the grant", and how?',
        positives=(Passage('Firms under 50 staff,\r\nsee § 2\tof "the rules" 🙂', "n1", label=2.0),),
        negatives=(Passage(" 小微企业，表格 AP-2。\r", "n2", label=0.0), Passage("'=1+1", "n3", label=-0.25)),
        group="规定, new.pdf",
    ),
    RerankExample("q-2", "Which form?\u2028", negatives=(Passage(" 小微企业，表格 AP-2。\r", "n2", label=0.0),)),
]


@pytest.mark.parametrize("name", ["out.jsonl", "out.json", "out.csv", "out.tsv", "OUT.CSV"])
def test_every_form_is_read_back_equal(tmp_path: Path, name: str) -> None:
    write_triples(REALISTIC, tmp_path / name)
    assert read_triples(tmp_path / name) == REALISTIC
    write_triples(iter_triples(tmp_path / name), tmp_path / name)
    assert read_triples(tmp_path / name) == REALISTIC


def test_pairs_come_one_by_one_before_the_rest_is_read(tmp_path: Path) -> None:
    pairs = iter_triples(_file(tmp_path, f"{GOOD}\nbroken"))
    path = str(tmp_path / "train.jsonl")
    assert next(pairs) == JudgedPair("Who may apply?", "Firms under 50 staff.", 1.0, where=f"{path} line 1")
    with pytest.raises(DataError, match="line 2: not valid JSON"):
        next(pairs)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = _file(tmp_path, f"{GOOD}\nbroken")
    with pytest.raises(DataError):
        write_triples(iter_triples(path), path)
    assert path.read_text(encoding="utf-8") == f"{GOOD}\nbroken"
    assert list(tmp_path.iterdir()) == [path]


def test_equal_passages_are_one_object(tmp_path: Path) -> None:
    lines = [json.dumps({"query": query, "passage": "one " + "text", "score": 0}) for query in "ab"]
    first, second = read_triples(_file(tmp_path, "\n".join(lines)))
    assert first.negatives[0] is second.negatives[0]


@pytest.mark.parametrize("query", ["query", "question"])
@pytest.mark.parametrize("passage", ["passage", "context", "text", "document"])
@pytest.mark.parametrize("score", ["score", "label", "relevance"])
def test_every_usual_name_is_read(tmp_path: Path, query: str, passage: str, score: str) -> None:
    path = _file(tmp_path, json.dumps({query: "q", passage: "p", score: 2}))
    assert read_triples(path) == [RerankExample("q0", "q", (Passage("p", label=2.0),))]


def test_names_of_one_thing_may_agree_and_one_may_be_null(tmp_path: Path) -> None:
    record = {"query": "q", "question": None, "passage": None, "text": "p", "document": "p", "score": 0, "label": 0}
    assert read_triples(_file(tmp_path, json.dumps(record))) == [
        RerankExample("q0", "q", negatives=(Passage("p", label=0.0),))
    ]


@pytest.mark.parametrize(
    ("label", "side"),
    [(0.25, {"positives": (Passage("p", label=0.25),)}), (1, {"negatives": (Passage("p", label=1),)})],
)
def test_a_grade_that_would_change_sides_is_refused(
    tmp_path: Path, label: float, side: dict[str, tuple[Passage]]
) -> None:
    with pytest.raises(DataError, match=rf"query 'q7'.*has the label {label}, which triples read as the opposite"):
        write_triples([RerankExample("q7", "q", **side)], tmp_path / "out.jsonl")  # type: ignore[arg-type]


def test_queries_without_a_judged_passage_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_triples([*REALISTIC, RerankExample("q-3", "open")], tmp_path / "out.jsonl")
    assert "1 queries without a judged passage are left out of the triples." in caplog.text
    assert read_triples(tmp_path / "out.jsonl") == REALISTIC


def test_the_written_file_shows_chinese_as_chinese(tmp_path: Path) -> None:
    RerankDataset.from_records([{"query": "谁？", "passage": "企业。", "score": 1}]).to_triples(tmp_path / "out.jsonl")
    assert '"passage": "企业。"' in (tmp_path / "out.jsonl").read_text(encoding="utf-8")


def test_a_made_up_query_id_never_takes_a_given_one() -> None:
    records = [{"query": "a", "passage": "p", "score": 1}, {"query": "b", "passage": "p", "score": 1, "query_id": "q0"}]
    assert [e.query_id for e in RerankDataset.from_records(records)] == ["q1", "q0"]


def test_one_query_id_for_two_queries_is_refused_with_its_line(tmp_path: Path) -> None:
    rows = [{"query": q, "passage": "p", "score": 1, "query_id": "7"} for q in ("a", "b")]
    path = _file(tmp_path, "\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match="the query id '7' stands twice") as raised:
        RerankDataset.from_triples(path)
    assert raised.value.where == f"{path} line 2"


@pytest.mark.parametrize(
    ("line", "problem", "fix"),
    [
        ('{"query": "q", "score": 1}', 'the key "passage" is missing (it has query, score)', 'Add "passage".'),
        ('{"passage": "p", "score": 1}', 'the key "query" is missing', 'Add "query".'),
        ('{"query": "q", "passage": "p"}', 'the key "score" is missing', 'Add "score": 1 for relevant, 0 for not.'),
        ('{"query": "q", "passage": "p", "score": "yes"}', "\"score\" is 'yes'", "Expected a number"),
        ('{"query": "q", "passage": "p", "score": null}', '"score" is None', "Expected a number"),
        ('{"query": "q", "passage": "p", "score": NaN}', '"score" is nan', "Expected a number"),
        ('{"query": "q", "passage": "p", "score": 1e999}', '"score" is inf', "Expected a number"),
        ('{"query": "q", "passage": "p", "score": [1]}', '"score" is [1]', "Expected a number"),
        ('{"query": " ", "passage": "p", "score": 1}', "\"query\" is ' '", "Expected a text that is not empty."),
        ('{"query": 5, "passage": "p", "score": 1}', '"query" is 5', "Expected a text"),
        ('{"query": "q", "passage": "", "score": 1}', "\"passage\" is ''", "Expected a text"),
        ('{"query": "q", "passage": "p", "score": 1, "query_id": [1]}', '"query_id" is [1]', "Expected a text."),
        ('{"query": "q", "passage": "p", "score": 1', "not valid JSON", "Expected one JSON object a line"),
        ("query,passage,score", "not valid JSON", "Expected one JSON object a line"),
        (
            '{"query": "q", "passage": "p", "text": "t", "score": 1}',
            "\"passage\" is 'p' and \"text\" is 't'",
            "They mean the same thing: keep one, or rename the other.",
        ),
        (
            '{"query": "q", "query": "r", "passage": "p", "score": 1}',
            "the key 'query' stands twice",
            "Keep one of them.",
        ),
        ('{"query": "q", "passage": "p", "score": "1_0"}', "\"score\" is '1_0'", "Expected a number"),
        ('{"query": "q", "passage": "p", "score": ' + "9" * 400 + "}", '"score" is 999', "Expected a number"),
        ('{"query": "q", "passage": "p", "score": ' + "9" * 5000 + "}", "not valid JSON", "Expected one JSON object"),
        ("[" * 100_000, "not valid JSON", "Expected one JSON object"),
        ('{"query": "q", "passage": "p", "score": 1, "group": "\\ud83d"}', '"group" holds half a character', "UTF-8"),
        ("[1]", "a list, not an object", 'Expected {"query": ..., ...}.'),
        ("{}", "is missing (it has nothing)", 'Add "query".'),
        ("3", "a int, not an object", 'Expected {"query": ..., ...}.'),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_fix(tmp_path: Path, line: str, problem: str, fix: str) -> None:
    path = _file(tmp_path, f"{GOOD}\n\n{line}\n")
    with pytest.raises(DataError) as raised:
        RerankDataset.from_triples(path)
    assert raised.value.where == f"{path} line 3"
    assert problem in raised.value.problem
    assert fix in raised.value.fix


def test_half_an_emoji_is_named_by_its_line(tmp_path: Path) -> None:
    path = _file(tmp_path, GOOD + '\n{"query": "q", "passage": "cut off \\ud83d", "score": 1}')
    with pytest.raises(DataError) as raised:
        RerankDataset.from_triples(path)
    assert raised.value.where == f"{path} line 2"


def test_a_bad_record_of_a_list_is_named_by_its_number(tmp_path: Path) -> None:
    path = _file(tmp_path, f'[{GOOD}, {{"query": "q", "passage": "p", "score": "no"}}]', "train.json")
    with pytest.raises(DataError) as raised:
        RerankDataset.from_triples(path)
    assert raised.value.where == f"{path} record 2"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "latin-1"])
def test_a_file_that_is_not_utf8_is_named_with_the_byte_and_the_tool(tmp_path: Path, encoding: str) -> None:
    line = '{"query": "café", "passage": "p", "score": 1}' if encoding == "latin-1" else '{"query": "谁可以申请"}'
    path = _file(tmp_path, line.encode(encoding))
    with pytest.raises(DataError, match=r"not UTF-8 \(byte \d+ cannot be read\).*iconv") as raised:
        RerankDataset.from_triples(path)
    assert raised.value.where == str(path)


@pytest.mark.parametrize("content", ["", "\n \n", "[]", "\ufeff"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    path = _file(tmp_path, content)
    for read in (RerankDataset.from_triples, RerankDataset.load):
        with pytest.raises(DataError, match=r"it holds no record.*Give at least one query") as raised:
            read(path)
        assert raised.value.where == str(path)


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"no such file\. Check the path\.") as raised:
        RerankDataset.from_triples(tmp_path / name)
    assert raised.value.where == str(tmp_path / name)
