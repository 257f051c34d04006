"""The bundled Chinese guide: big enough, confusable by family, in people's own words, and not too easy for BM25."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset, guide_zh
from llama_index_rerank_tuner.dataset.guide_zh import load_guide_zh
from llama_index_rerank_tuner.metrics import score_rankings
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever

FOLDER = Path(guide_zh.__file__).parent


@pytest.fixture(scope="module")
def guide() -> RerankDataset:
    return load_guide_zh()


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]


def _runs(text: str, length: int) -> set[str]:
    """Every run of so many letters and digits, punctuation and white space left out."""
    bare = "".join(re.findall(r"\w", text.lower()))
    return {bare[at : at + length] for at in range(len(bare) - length + 1)}


def _nearly_the_same(questions: list[str], least: float) -> list[tuple[str, str]]:
    """Questions whose pairs of characters have at least this Jaccard similarity."""
    pairs = combinations([(question, _runs(question, 2)) for question in questions], 2)
    return [(one, other) for (one, a), (other, b) in pairs if len(a & b) >= least * len(a | b)]


def test_it_has_the_size_that_its_docstring_says(guide: RerankDataset) -> None:
    answers = Counter(len(example.positives) for example in guide)
    assert (len(guide), len(guide.corpus), len({example.group for example in guide})) == (240, 74, 12)
    assert answers == {1: 228, 2: 12}


def test_every_family_has_at_least_six_passages_and_fifteen_questions(guide: RerankDataset) -> None:
    passages = Counter(passage.group for passage in guide.corpus)
    questions = Counter(example.group for example in guide)
    assert passages.keys() == questions.keys()
    assert None not in passages
    assert min(passages.values()) >= 6
    assert min(questions.values()) >= 15


def test_every_answer_exists_in_its_questions_own_family(guide: RerankDataset) -> None:
    corpus = {passage.key: passage for passage in guide.corpus}
    guide.require_positives()
    for example in guide:
        for answer in example.positives:
            assert corpus[answer.key].text == answer.text
            assert corpus[answer.key].group == example.group


def test_every_passage_is_asked_for_at_least_twice(guide: RerankDataset) -> None:
    asked = Counter(passage.key for example in guide for passage in example.positives)
    assert {passage.key: asked[passage.key] for passage in guide.corpus if asked[passage.key] < 2} == {}


def test_ids_and_texts_are_unique(guide: RerankDataset) -> None:
    assert len({example.query_id for example in guide}) == len({example.query for example in guide}) == len(guide)
    assert len({passage.text for passage in guide.corpus}) == len({passage.key for passage in guide.corpus}) == 74


def test_passages_without_their_title_have_70_to_100_chinese_characters(records: list[dict[str, Any]]) -> None:
    lengths = {record["_id"]: len(re.findall(r"[\u4e00-\u9fff]", record["text"])) for record in records}
    assert {key: length for key, length in lengths.items() if not 70 <= length <= 100} == {}


def test_every_title_names_one_passage(records: list[dict[str, Any]]) -> None:
    titles = Counter(record["title"] for record in records)
    assert set(titles.values()) == {1}
    assert "" not in titles


def test_no_question_copies_eight_characters_in_a_row_from_its_passage(guide: RerankDataset) -> None:
    copies = [e.query for e in guide if any(_runs(e.query, 8) & _runs(p.text, 8) for p in e.positives)]
    assert copies == []


def test_no_two_questions_are_nearly_the_same(guide: RerankDataset) -> None:
    assert _nearly_the_same([example.query for example in guide], 0.4) == []
    assert _nearly_the_same(["专利补贴几月份报", "公积金贷款", "专利补贴几月报？"], 0.4) == [
        ("专利补贴几月份报", "专利补贴几月报？")
    ]


def test_bm25_finds_most_answers_and_ranks_half_of_them_first(guide: RerankDataset) -> None:
    retriever = BM25JiebaRetriever(guide.nodes(), similarity_top_k=10)
    found = retriever.retrieve_batch([example.query for example in guide])
    rankings = {e.query_id: [each.node.node_id for each in nodes] for e, nodes in zip(guide, found, strict=True)}
    scores = score_rankings({e.query_id: e.qrels for e in guide}, rankings, ["Hit@1", "nDCG@10", "Recall@10"])
    means = {name: sum(values.values()) / len(values) for name, values in scores.items()}
    assert 0.4 <= means["Hit@1"] <= 0.55
    assert 0.65 <= means["nDCG@10"] <= 0.8
    assert means["Recall@10"] >= 0.9


def test_families_can_be_split(guide: RerankDataset) -> None:
    split = guide.split(val=0.2, test=0.2, seed=1)
    sides = [{example.group for example in part} for part in (split.train, split.val, split.test)]
    assert all(sides)
    assert sum(map(len, sides)) == len(set.union(*sides)) == 12


def test_it_survives_the_round_trip_through_a_groups_file(guide: RerankDataset, tmp_path: Path) -> None:
    guide.to_groups(tmp_path / "guide.jsonl")
    reread = RerankDataset.load(tmp_path / "guide.jsonl")
    assert reread.examples == guide.examples
    assert {passage.key for passage in reread.corpus} == {passage.key for passage in guide.corpus}
