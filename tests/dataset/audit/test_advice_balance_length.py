"""Size against the advice, balance, length, near duplicates and too-easy negatives."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.audit import Audit
from llama_index_rerank_tuner.dataset.audit.questions import language, question_type


def questions(number: int, negatives: int = 1, **more: Any) -> RerankDataset:
    return RerankDataset.from_records(
        [
            {"query": f"What is {i}?", "pos": [f"p{i}"], "neg": [f"n{i}-{j}" for j in range(negatives)], **more}
            for i in range(number)
        ]
    )


def row(audit: Audit, purpose: str) -> tuple[str, str, str]:
    return next((r.train, r.validation, r.ratio) for r in audit.advice if r.advice.purpose == purpose)


def kinds(audit: Audit) -> set[str]:
    return {finding.kind for finding in audit.findings}


def test_every_row_of_the_advice_is_compared() -> None:
    audit = questions(500, negatives=3).audit(validation=questions(60), near_limit=0)
    assert row(audit, "quick check") == ("ok", "ok", "more")
    assert row(audit, "small") == ("ok", "fewer", "more")
    assert row(audit, "production") == ("fewer", "fewer", "ok")
    assert row(audit, "large") == ("fewer", "fewer", "ok")
    assert {"unusual ratio", "too few validation questions"} <= kinds(audit)
    assert "100–500 ok" in str(audit)


def test_without_a_validation_set_or_negatives_the_row_says_so() -> None:
    assert row(questions(100, negatives=0).audit(near_limit=0), "quick check") == ("ok", "not given", "not given")


def test_too_few_questions_are_said() -> None:
    found = questions(99).audit(near_limit=0).finding("too few questions")
    assert found is not None
    assert found.sentence == "99 questions to train on; even a quick check wants 100."
    assert "too few questions" not in kinds(questions(100).audit(near_limit=0))


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("In which year was it founded?", "which"), ("How much is the fee?", "how many"), ("How do I apply?", "how"),
        ("Is a form needed?", "yes or no"), ("According to the act, who pays?", "who"),
        ("wing flutter", "no question word"),
        ("为什么要申报？", "why"), ("什么时候截止？", "when"), ("需要什么材料？", "what"), ("如何认定？", "how"),
        ("补贴多少钱？", "how many"), ("可以抵押吗？", "yes or no"), ("在哪里办理？", "where"), ("谁可以申请？", "who"),
    ],
)  # fmt: skip
def test_question_types_in_english_and_chinese(query: str, kind: str) -> None:
    assert question_type(query) == kind


@pytest.mark.parametrize(
    ("text", "name"),
    [("R&D 费用加计扣除如何申报", "Chinese"), ("What is 研发?", "Latin script"), ("料金はいくらですか", "Japanese"),
     ("요금은 얼마입니까", "Korean"), ("Сколько стоит", "Cyrillic script"), ("1958", "no letters")],
)  # fmt: skip
def test_languages_by_script(text: str, name: str) -> None:
    assert language(text) == name


def test_balance_counts_and_names_what_leans_to_one_side() -> None:
    records = [{"query": f"What is {i}?", "pos": [f"p{i}"], "group": f"g{max(0, i - 12)}"} for i in range(24)]
    audit = RerankDataset.from_records([*records, {"query": "谁付费？", "pos": ["企业。"], "group": "g1"}]).audit()
    assert audit.balance.question_types == {"what": 24, "who": 1}
    assert audit.balance.languages == {"Latin script": 24, "Chinese": 1}
    assert next(iter(audit.balance.documents.items())) == ("g0", 13)
    assert {"one question type", "one source document", "rare language"} <= kinds(audit)
    found = audit.finding("rare language")
    assert found is not None
    assert [link.query_id for link in found.records] == ["q24"]


def test_length_counts_the_pairs_that_are_cut_and_what_is_lost() -> None:
    records = [{"query": "a b", "pos": ["1 2 3 4 5 6 7 8", "1 2"], "neg": ["1 2 3 4 5 6"]}]
    audit = RerankDataset.from_records(records).audit(max_length=10, count_tokens=lambda text: len(text.split()))
    lengths = audit.lengths
    assert (lengths.estimated, lengths.pairs, lengths.pairs_cut, lengths.positives_cut) == (False, 3, 2, 1)
    assert lengths.positive_share_lost == 3 / 10
    found = audit.finding("positive is cut")
    assert found is not None
    assert (found.severity, found.records[0].other) == ("should look", "loses 3 of 8 tokens")


def test_an_estimate_is_called_one() -> None:
    audit = RerankDataset.from_records([{"query": "费用？", "pos": ["费用" * 300]}]).audit()
    assert (audit.lengths.estimated, audit.lengths.max_length, audit.lengths.positives_cut) == (True, 512, 1)
    assert "by an estimate without a tokenizer" in str(audit)
    found = audit.finding("positive is cut")
    assert found is not None
    assert "(an estimate)" in found.sentence


def test_near_duplicates_are_named_in_pairs_and_a_sample_is_said() -> None:
    rule = "The fee for a fishing permit in the northern lakes is forty crowns a year, paid at the harbour office."
    records = [
        {"query": "What datasets did they use?", "pos": [rule], "pos_ids": ["1"]},
        {"query": "What dataset did they use?", "pos": [rule.replace("forty", "fifty")], "pos_ids": ["2"]},
    ]
    audit = RerankDataset.from_records(records).audit()
    asked, passages = audit.finding("near-duplicate questions"), audit.finding("near-duplicate passages")
    assert asked is not None
    assert (asked.count, asked.records[0].query_id) == (1, "q0")
    assert passages is not None
    assert (passages.severity, passages.records[0].passage_id) == ("note", "1")
    assert "in a sample of 1 of 2 different texts" in str(RerankDataset.from_records(records).audit(near_limit=1))
    unsearched = RerankDataset.from_records(records).audit(near_limit=0)
    assert {"questions not searched", "passages not searched"} <= kinds(unsearched)


class Remembered:
    """A retriever that always returns the same texts."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def retrieve(self, query: str, /) -> list[Any]:
        return [SimpleNamespace(node=SimpleNamespace(node_id=t, get_content=lambda t=t: t)) for t in self.texts]


def test_negatives_that_the_retriever_never_returns_are_too_easy() -> None:
    dataset = RerankDataset.from_records([{"query": "q", "pos": ["p"], "neg": ["hard", "deep", "easy"]}])
    audit = dataset.audit(retriever=Remembered("p", "Hard.", "deep"), top_k=2)
    found = audit.finding("too-easy negative")
    assert found is not None
    assert (found.severity, found.count) == ("should look", 2)
    assert "2 of 3" in found.sentence
    easy = {dataset[0].negatives[1].key, dataset[0].negatives[2].key}
    assert {link.passage_id for link in found.records} == easy
    assert "too-easy negative" not in kinds(dataset.audit())
