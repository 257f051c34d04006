"""QASPER in its shapes: what becomes a node, what is evidence, what is left out and counted, what is refused."""

from __future__ import annotations

import contextlib
import copy
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_index.core.schema import MetadataMode, NodeRelationship

from llama_index_rerank_tuner.dataset.qasper import QasperPapers, QasperReport, load_qasper
from llama_index_rerank_tuner.dataset.qasper.evidence import Match, match_evidence
from llama_index_rerank_tuner.errors import ConfigError, DataError

ABSTRACT = "We count birds at night with microphones."
BIRDS = "Birds call  in flight,\nand most of them at night."
PLATE = "The microphone stands in a flower pot of 30 centimetres."
NOISE = "Rain is the loudest noise, and wind the second loudest."


def answer(*evidence: str, unanswerable: bool = False, spans: tuple[str, ...] = (), yes_no: bool | None = None) -> Any:
    return {
        "unanswerable": unanswerable,
        "extractive_spans": list(spans),
        "yes_no": yes_no,
        "free_form_answer": "",
        "evidence": list(evidence),
        "highlighted_evidence": [],
    }


QUESTIONS = {
    "q-exact": [answer(BIRDS.replace("\n", " "), spans=("at night",))],
    "q-two": [answer(ABSTRACT, PLATE), answer(PLATE, "FLOAT SELECTED: Table 1: Pots"), answer(unanswerable=True)],
    "q-inside": [answer("microphone stands in a flower pot of 30 cent")],
    "q-around": [answer(f"{NOISE} {PLATE} And more.", yes_no=False)],
    "q-figure": [answer("FLOAT SELECTED: Figure 2: Calls")],
    "q-lost": [answer("A sentence that no paragraph holds.", "FLOAT SELECTED: Figure 2: Calls")],
    "q-none": [answer(yes_no=True)],
    "q-unanswerable": [answer(unanswerable=True), answer(NOISE, unanswerable=True)],
}


def hub_paper(paper_id: str = "p1") -> dict[str, Any]:
    return {
        "id": paper_id,
        "title": "Night  Birds",
        "abstract": ABSTRACT,
        "full_text": {
            "section_name": ["Introduction", "Method ::: Pots", None],
            "paragraphs": [[BIRDS, "", "  "], [PLATE, "Birds call in flight, and most of them at night."], [NOISE]],
        },
        "qas": {
            "question": [f"What about {name}?" for name in QUESTIONS],
            "question_id": [f"{paper_id}-{name}" for name in QUESTIONS],
            "nlp_background": ["two"] * len(QUESTIONS),
            "answers": [
                {"answer": answers, "annotation_id": [str(index) for index, _ in enumerate(answers)]}
                for answers in copy.deepcopy(list(QUESTIONS.values()))
            ],
        },
    }


def released(paper: dict[str, Any]) -> dict[str, Any]:
    """The same paper as the released JSON has it, under its id."""
    full_text, qas = paper["full_text"], paper["qas"]
    return {
        paper["id"]: {
            "title": paper["title"],
            "abstract": paper["abstract"],
            "full_text": [
                {"section_name": name, "paragraphs": paragraphs}
                for name, paragraphs in zip(full_text["section_name"], full_text["paragraphs"], strict=True)
            ],
            "qas": [
                {"question": question, "question_id": key, "answers": [{"answer": each} for each in answers["answer"]]}
                for question, key, answers in zip(qas["question"], qas["question_id"], qas["answers"], strict=True)
            ],
        }
    }


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def loaded(tmp_path: Path) -> QasperPapers:
    return load_qasper(source=written(tmp_path / "papers.json", [hub_paper()]))


def summary(papers: QasperPapers) -> tuple[Any, ...]:
    report = {key: value for key, value in papers.report.to_dict().items() if key != "unmatched"}
    examples = [(e.query_id, e.query, e.qrels, e.group, dict(e.metadata)) for e in papers.dataset]
    return report, [node.to_dict() for node in papers.nodes], examples, papers.dataset.corpus


def test_the_abstract_and_every_distinct_paragraph_are_nodes_in_order(loaded: QasperPapers) -> None:
    assert [(node.node_id, node.text, node.metadata["section"]) for node in loaded.nodes] == [
        ("p1#abstract", ABSTRACT, "Abstract"),
        ("p1#1.1", BIRDS, "Introduction"),
        ("p1#2.1", PLATE, "Method > Pots"),
        ("p1#3.1", NOISE, ""),
    ]
    assert {(node.metadata["paper"], node.metadata["title"]) for node in loaded.nodes} == {("p1", "Night Birds")}


def test_nodes_know_their_paper_and_their_neighbours(tmp_path: Path) -> None:
    papers = load_qasper(source=written(tmp_path / "two.json", [hub_paper("p1"), hub_paper("p2")]))
    links = {
        node.node_id: {kind.name: related.node_id for kind, related in node.relationships.items()}
        for node in papers.nodes
    }
    assert links["p1#abstract"] == {"SOURCE": "p1", "NEXT": "p1#1.1"}
    assert links["p1#1.1"] == {"SOURCE": "p1", "PREVIOUS": "p1#abstract", "NEXT": "p1#2.1"}
    assert links["p1#3.1"] == {"SOURCE": "p1", "PREVIOUS": "p1#2.1"}
    assert links["p2#abstract"] == {"SOURCE": "p2", "NEXT": "p2#1.1"}
    assert papers.nodes[0].relationships[NodeRelationship.SOURCE].metadata == {"title": "Night Birds"}
    assert [node.ref_doc_id for node in papers.nodes] == ["p1"] * 4 + ["p2"] * 4


def test_positives_are_the_text_evidence_of_all_annotators(loaded: QasperPapers) -> None:
    assert [(e.query_id, e.query, e.qrels, e.group) for e in loaded.dataset] == [
        ("p1-q-exact", "What about q-exact?", {"p1#1.1": 1}, "p1"),
        ("p1-q-two", "What about q-two?", {"p1#abstract": 1, "p1#2.1": 1}, "p1"),
        ("p1-q-inside", "What about q-inside?", {"p1#2.1": 1}, "p1"),
        ("p1-q-around", "What about q-around?", {"p1#2.1": 1, "p1#3.1": 1}, "p1"),
    ]
    assert [dict(e.metadata) for e in loaded.dataset][:2] == [
        {"annotators": 1, "agreement": {"p1#1.1": 1}, "answers": ["extractive"]},
        {"annotators": 3, "agreement": {"p1#abstract": 1, "p1#2.1": 2}, "answers": ["free form", "unanswerable"]},
    ]


def test_what_is_left_out_is_counted(loaded: QasperPapers, tmp_path: Path) -> None:
    where = f"{tmp_path / 'papers.json'} record 1 (paper 'p1'), question 'p1-q-lost'"
    assert loaded.report == QasperReport(
        papers=1,
        abstracts=1,
        paragraphs=3,
        empty_paragraphs=2,
        repeated_paragraphs=1,
        questions=8,
        kept_questions=4,
        unanswerable_questions=1,
        figure_questions=1,
        unmatched_questions=1,
        questions_without_evidence=1,
        several_annotators=1,
        evidence={
            "exact": 4,
            "figure or table": 3,
            "evidence in paragraph": 1,
            "paragraph in evidence": 1,
            "no paragraph": 1,
        },
        unmatched=[(where, "A sentence that no paragraph holds.")],  # type: ignore[list-item]
    )
    assert str(loaded.report) == (
        "papers: 1 (3 paragraphs, 1 abstracts)\n"
        "  left out: 2 empty, 1 repeated\n"
        "questions kept: 4 of 8\n"
        "  left out: 1 unanswerable, 1 only figures and tables, 1 evidence not found, 1 without evidence\n"
        "evidence: 4 exact, 3 figure or table, 1 evidence in paragraph, 1 paragraph in evidence, 1 no paragraph"
    )
    assert json.loads(json.dumps(loaded.report.to_dict()))["unmatched"][0]["where"] == where


def test_a_reranker_reads_the_section_and_an_llm_also_the_title(loaded: QasperPapers) -> None:
    assert [passage.text for passage in loaded.dataset.corpus][1:] == [
        f"section: Introduction\n\n{BIRDS}",
        f"section: Method > Pots\n\n{PLATE}",
        NOISE,
    ]
    assert loaded.dataset.contract.metadata_mode == "embed"
    assert loaded.nodes[2].get_content(MetadataMode.LLM) == f"title: Night Birds\nsection: Method > Pots\n\n{PLATE}"


@pytest.mark.parametrize(
    ("keys", "text"),
    [((), PLATE), (("title",), f"title: Night Birds\n\n{PLATE}"), (["paper"], f"paper: p1\n\n{PLATE}")],
)
def test_the_metadata_that_stand_in_the_text_can_be_chosen(tmp_path: Path, keys: Any, text: str) -> None:
    papers = load_qasper(source=written(tmp_path / "p.json", [hub_paper()]), metadata_in_text=keys)
    assert papers.dataset.corpus[2].text == text == papers.nodes[2].get_content(MetadataMode.EMBED)


def test_every_shape_gives_the_same_papers(tmp_path: Path) -> None:
    papers = [hub_paper("p1"), hub_paper("p2")]
    by_id = released(papers[0]) | released(papers[1])
    lines = "".join(json.dumps(paper) + "\n" for paper in papers)
    (tmp_path / "lines.jsonl").write_text("\ufeff" + lines, encoding="utf-8")
    expected = summary(load_qasper(source=written(tmp_path / "list.json", papers)))
    assert expected[0]["papers"] == 2
    (tmp_path / "pretty.json").write_text(json.dumps(by_id, indent=2), encoding="utf-8")
    for path in (tmp_path / "lines.jsonl", written(tmp_path / "by-id.json", by_id), tmp_path / "pretty.json"):
        assert summary(load_qasper(source=path)) == expected, path
    (tmp_path / "lone.json").write_text(json.dumps(papers[0], indent=2), encoding="utf-8")
    lone = summary(load_qasper(source=tmp_path / "lone.json"))
    assert lone == summary(load_qasper(source=tmp_path / "list.json", limit=1))


@pytest.mark.parametrize("shape", ["columns", "objects"])
def test_the_hub_is_asked_for_its_parquet_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    import datasets

    papers = [hub_paper("p1"), hub_paper("p2"), hub_paper("p3")]
    of_objects = [{"id": paper["id"], **released(paper)[paper["id"]]} for paper in papers]
    asked = []

    def load_dataset(*names: str, **options: str) -> datasets.Dataset:
        asked.append((*names, options))
        return datasets.Dataset.from_list(papers if shape == "columns" else of_objects)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    from_hub = load_qasper("dev", source="hub", limit=2)
    assert asked == [("allenai/qasper", {"revision": "refs/convert/parquet", "split": "validation"})]
    assert summary(from_hub) == summary(load_qasper(source=written(tmp_path / "p.json", papers[:2])))
    assert from_hub.dataset[0].place == "allenai/qasper validation record 1 (paper 'p1'), question 'p1-q-exact'"
    assert load_qasper().report.papers == 3


def test_a_hub_that_cannot_be_reached_is_an_error_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def unreachable(*_: str, **__: str) -> None:
        raise ConnectionError("Couldn't reach the Hub\nwith a long story")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(DataError, match=r"Couldn't reach the Hub\)\. .*download qasper-test-v0\.3\.json") as raised:
        load_qasper("test")
    assert raised.value.where == "allenai/qasper test"


def test_a_folder_of_the_released_files_is_read_by_split(tmp_path: Path) -> None:
    written(tmp_path / "qasper-train-v0.3.json", released(hub_paper("a")))
    written(tmp_path / "qasper-dev-v0.3.json", released(hub_paper("b")))
    assert {load_qasper(split, tmp_path).nodes[0].ref_doc_id for split in ("train", "train")} == {"a"}
    assert {load_qasper(split, tmp_path).nodes[0].ref_doc_id for split in ("val", "dev", "validation")} == {"b"}
    with pytest.raises(DataError, match="no such file") as raised:
        load_qasper("test", tmp_path)
    assert raised.value.where == str(tmp_path / "qasper-test-v0.3.json")
    with pytest.raises(ConfigError, match=r"qasper-train-v0\.3\.json is the train split, and 'test' was asked for"):
        load_qasper("test", tmp_path / "qasper-train-v0.3.json")


@pytest.mark.parametrize("limit", [0, -1, True, 2.0, "3"])
def test_a_limit_is_a_positive_number_of_papers(limit: Any) -> None:
    with pytest.raises(ConfigError, match="limit must be a positive number of papers"):
        load_qasper(source="fictional", limit=limit)


def test_an_unknown_split_or_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="split must be train, validation or test, got 'training'"):
        load_qasper("training", source="fictional")
    with pytest.raises(ConfigError, match="one split, train, and no 'test'"):
        load_qasper("test", source="fictional")
    for keys in (("author",), "section"):
        with pytest.raises(ConfigError, match="metadata_in_text lists keys out of paper, title, section"):
            load_qasper(source="fictional", metadata_in_text=keys)


def changed(*path: Any, to: Any = None, drop: bool = False) -> dict[str, Any]:
    paper = hub_paper()
    inner = paper
    for key in path[:-1]:
        inner = inner[key]
    if drop:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return paper


PAPER = " (paper 'p1')"
QUESTION = PAPER + ", question 'p1-q-exact'"
ANSWER = ("qas", "answers", 0, "answer", 0)


@pytest.mark.parametrize(
    ("paper", "place", "problem"),
    [
        (changed("id", drop=True), "", 'the key "id" is missing (it has title, abstract, full_text, qas)'),
        (changed("id", to=7), "", '"id" is 7'),
        (changed("full_text", drop=True), PAPER, 'the key "full_text" is missing'),
        (changed("full_text", to="text"), PAPER, "\"full_text\" is 'text'"),
        (changed("full_text", to=["text"]), PAPER, "\"full_text\" holds 'text'"),
        (changed("full_text", "section_name", to=["one"]), PAPER, "different lengths (1, 3)"),
        (changed("full_text", "paragraphs", 1, to="flat"), f"{PAPER}, section 2", "\"paragraphs\" is 'flat'"),
        (changed("full_text", "paragraphs", 1, 0, to=3), f"{PAPER}, section 2", '"paragraphs" is 3'),
        (changed("full_text", "section_name", 2, to=3), f"{PAPER}, section 3", '"section_name" is 3'),
        (changed("title", to="half \ud800"), PAPER, '"title" holds half a character'),
        (changed("abstract", to=["a"]), PAPER, "\"abstract\" is ['a']"),
        (changed("qas", to=None), PAPER, '"qas" is None'),
        (changed("qas", "question", drop=True), QUESTION, 'the key "question" is missing'),
        (changed("qas", "question", 0, to=" "), QUESTION, "\"question\" is ' '"),
        (changed("qas", "question_id", 0, to=None), PAPER, '"question_id" is None'),
        (changed("qas", "question_id", 1, to="p1-q-exact"), QUESTION, "the query id 'p1-q-exact' stands twice"),
        (changed("qas", "answers", 0, to=None), QUESTION, '"answers" is None'),
        (changed(*ANSWER, to="yes"), QUESTION, "\"answer\" is 'yes'"),
        (changed(*ANSWER, "evidence", drop=True), QUESTION, 'the key "evidence" is missing'),
        (changed(*ANSWER, "evidence", to="text"), QUESTION, "\"evidence\" is 'text'"),
        (changed(*ANSWER, "evidence", to=[1]), QUESTION, '"evidence" is 1'),
        (changed(*ANSWER, "unanswerable", to="no"), QUESTION, "\"unanswerable\" is 'no'"),
    ],
)
def test_a_malformed_paper_is_named_with_its_file_and_question(
    tmp_path: Path, paper: dict[str, Any], place: str, problem: str
) -> None:
    path = written(tmp_path / "papers.json", [paper])
    with pytest.raises(DataError) as raised:
        load_qasper(source=path)
    assert raised.value.where == f"{path} record 1{place}"
    assert problem in raised.value.problem
    assert raised.value.fix


@pytest.mark.parametrize(
    ("content", "where", "problem"),
    [
        ("", "{path}", "it holds no record"),
        ("[]", "{path}", "it holds no record"),
        ("{}", "{path}", "no question of its 0 papers has text evidence"),
        ("{ broken", "{path}", "not valid JSON"),
        ('{"p1": 3}', "{path} paper 'p1'", "a int, not a paper"),
        ('{"p1": {"full_text": []}}', "{path} paper 'p1'", 'the key "qas" is missing'),
        ('{"p1": {}, "p1": {}}', "{path}", "the key 'p1' stands twice"),
        ("3", "{path} line 1", "a int, not an object"),
    ],
)
def test_a_file_that_holds_no_papers_is_named(tmp_path: Path, content: str, where: str, problem: str) -> None:
    path = tmp_path / "papers.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as raised:
        load_qasper(source=path)
    assert raised.value.where == where.format(path=path)
    assert problem in raised.value.problem


def test_a_paper_that_stands_twice_and_a_missing_file_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "twice.json", [hub_paper(), hub_paper()])
    with pytest.raises(DataError, match="the paper id 'p1' stands twice") as raised:
        load_qasper(source=path)
    assert raised.value.where == f"{path} record 2 (paper 'p1')"
    with pytest.raises(DataError, match="no such file"):
        load_qasper(source=tmp_path / "none.json")


def test_short_texts_match_only_exactly() -> None:
    paragraphs = {"}": "brace", "Results": "heading", NOISE: "noise"}
    assert match_evidence("}", paragraphs) == Match("exact", ("brace",))
    assert match_evidence("the loudest noise", paragraphs) == Match("no paragraph")
    assert match_evidence(f"Results }} {NOISE}", paragraphs) == Match("paragraph in evidence", ("noise",))
    assert match_evidence(" \n", paragraphs) == Match("no paragraph")


ANYTHING: list[Any] = [None, True, 0, -1.5, float("nan"), 10**400, "", " ", "x", "\ud800", ABSTRACT, NOISE]
ANYTHING += [[], [None], [NOISE], [[NOISE]], {}, {"answer": NOISE}, {"evidence": [NOISE]}, [{"paragraphs": [NOISE]}]]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in pairs for place in places(inner, (*path, key)))]


SHAPES = {"columns": [hub_paper("p1")], "by id": released(hub_paper("p1")) | released(hub_paper("p2"))}
PLACES = {name: places(content)[1:] for name, content in SHAPES.items()}


def bad_file(rng: random.Random) -> bytes:
    """A good file with one to three values replaced, removed or copied elsewhere, or with its bytes damaged."""
    shape = rng.choice(sorted(SHAPES))
    content = copy.deepcopy(SHAPES[shape])
    for place in rng.sample(PLACES[shape], rng.randint(1, 3)):
        with contextlib.suppress(KeyError, IndexError, TypeError):
            inner: Any = content
            for key in place[:-1]:
                inner = inner[key]
            elsewhere = copy.deepcopy(inner[rng.choice(list(inner))]) if isinstance(inner, dict) else inner[-1]
            inner[place[-1]] = rng.choice([*ANYTHING, elsewhere])
            if rng.random() < 0.3:
                del inner[place[-1]]
    raw = json.dumps(content).encode()
    if rng.random() < 0.2:
        at = rng.randrange(len(raw))
        raw = raw[:at] + rng.randbytes(rng.randrange(4)) + raw[at + rng.randrange(9) :]
    return raw


@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**64))
def test_two_thousand_bad_files_end_in_papers_or_in_an_error_that_names_the_file(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "bad-papers.json"
    path.write_bytes(bad_file(random.Random(seed)))
    refused: DataError | None = None
    try:
        papers = load_qasper(source=path)
    except DataError as error:
        refused = error
    if refused is not None:
        assert refused.where.startswith(str(path))
        assert refused.problem
        assert refused.fix
        return
    papers.dataset.require_positives()
    known = {node.node_id for node in papers.nodes}
    assert all(e.qrels.keys() <= known for e in papers.dataset)
    assert len(papers.dataset) == papers.report.kept_questions > 0


def test_the_fictional_papers_have_the_size_that_the_notebook_tells() -> None:
    papers = load_qasper(source="fictional")
    report = papers.report
    assert (report.papers, report.abstracts, report.paragraphs) == (3, 3, 59)
    assert (report.questions, report.kept_questions, report.unanswerable_questions, report.figure_questions) == (
        36,
        31,
        2,
        3,
    )
    assert set(report.evidence) == {"exact", "figure or table"}
    assert report.several_annotators >= 9
    assert Counter(example.group for example in papers.dataset).keys() == {f"fictional.000{n}" for n in (1, 2, 3)}
    assert load_qasper(source="fictional").dataset == papers.dataset


def test_the_sample_of_real_papers_comes_in_whole(shared_data: Path) -> None:
    papers = load_qasper(source=shared_data / "qasper" / "papers_sample.json")
    report = papers.report
    assert (report.papers, report.questions, report.kept_questions, report.paragraphs) == (10, 51, 43, 899)
    assert (report.empty_paragraphs, report.repeated_paragraphs) == (140, 76)
    assert report.evidence == {"exact": 77, "figure or table": 11, "no paragraph": 1}
    assert (report.unanswerable_questions, report.figure_questions, report.questions_without_evidence) == (6, 1, 1)
    assert len(papers.nodes) == len(papers.dataset.corpus) == 909
