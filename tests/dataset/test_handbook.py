"""The bundled handbook: big enough, confusable by family, and its questions no copies of its passages."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset, handbook, load_handbook


@pytest.fixture(scope="module")
def port_maren() -> RerankDataset:
    return load_handbook()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _runs(text: str, length: int = 6) -> set[tuple[str, ...]]:
    words = _words(text)
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


def test_it_has_the_size_that_its_docstring_says(port_maren: RerankDataset) -> None:
    audit = port_maren.audit()
    assert (audit.questions, audit.passages, audit.groups) == (360, 120, 30)
    assert audit.questions >= 240
    assert audit.passages >= 60
    assert audit.groups >= 12


def test_every_family_has_at_least_four_passages_and_some_questions(port_maren: RerankDataset) -> None:
    passages = Counter(passage.group for passage in port_maren.corpus)
    questions = Counter(example.group for example in port_maren)
    assert passages.keys() == questions.keys()
    assert None not in passages
    assert min(passages.values()) >= 4


def test_every_question_has_one_answer_that_exists_in_its_own_family(port_maren: RerankDataset) -> None:
    corpus = {passage.node_id: passage for passage in port_maren.corpus}
    port_maren.require_positives()
    for example in port_maren:
        (answer,) = example.positives
        assert corpus[answer.node_id].text == answer.text
        assert corpus[answer.node_id].group == example.group


def test_every_passage_is_asked_for(port_maren: RerankDataset) -> None:
    asked = {passage.node_id for example in port_maren for passage in example.positives}
    assert asked == {passage.node_id for passage in port_maren.corpus}


def test_no_question_copies_six_words_in_a_row_from_its_passage(port_maren: RerankDataset) -> None:
    copies = [e.query for e in port_maren if any(_runs(e.query) & _runs(p.text) for p in e.positives)]
    assert copies == []


def test_nothing_stands_twice(port_maren: RerankDataset) -> None:
    audit = port_maren.audit()
    assert (audit.duplicate_queries, audit.duplicate_pairs, audit.contradictions) == (0, 0, 0)
    assert len({passage.text for passage in port_maren.corpus}) == len(port_maren.corpus)


def test_passages_without_their_title_have_45_to_70_words() -> None:
    path = Path(handbook.__file__).parent / "corpus.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lengths = {record["_id"]: len(record["text"].split()) for record in records}
    assert {key: length for key, length in lengths.items() if not 45 <= length <= 70} == {}


def test_loading_twice_gives_the_same(port_maren: RerankDataset) -> None:
    assert load_handbook() == port_maren


def test_it_survives_the_round_trip_through_a_groups_file(port_maren: RerankDataset, tmp_path: Path) -> None:
    port_maren.to_groups(tmp_path / "handbook.jsonl")
    reread = RerankDataset.load(tmp_path / "handbook.jsonl")
    assert reread.examples == port_maren.examples
    assert set(map(str, reread.corpus)) == set(map(str, port_maren.corpus))
