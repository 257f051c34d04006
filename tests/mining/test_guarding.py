"""Guards at work: their order, what they drop and flag, and the account of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from llama_index.core.schema import TextNode

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import RerankTunerError
from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator
from llama_index_rerank_tuner.mining.guards import default_guards
from llama_index_rerank_tuner.mining.guards.guard import Decision
from llama_index_rerank_tuner.records import Passage, Retrieved
from tests.mining.stand_ins import NODES, Listed, Rule, descending, ids, questions

DROP, FLAG = Decision("drop", "too like the answer"), Decision("flag", "perhaps an answer")


def test_what_a_guard_drops_is_never_a_negative_nor_drawn_at_random() -> None:
    guard = Rule("likeness", {"n01": DROP, "n02": DROP})
    generator = HardNegativeDatasetGenerator(NODES[:6], Listed(descending(1, 2, 3)), guards=[guard])
    assert set(ids(generator.generate(questions({"q": [0]})))) == {"n03", "n04", "n05"}
    assert generator.report.refused == {"likeness: too like the answer": 2}
    assert generator.report.short == 1


def test_without_a_word_the_default_guards_stand_watch() -> None:
    texts = [
        "The parking fee is 40 per day in zone one.",
        "The parking fee is 40 per day, in zone one!",
        "Dogs need a tag.",
    ]
    nodes = [TextNode(id_=f"n{place}", text=text) for place, text in enumerate(texts)]
    dataset = RerankDataset.from_nodes(nodes, [{"query": "What does parking cost?", "relevant_ids": ["n0"]}])
    retriever = Listed([("n0", 9.5), ("n1", 9.0), ("n2", 1.0)])
    generator = HardNegativeDatasetGenerator(nodes, retriever, negatives_per_query=2, random_negatives=0)
    assert [guard.name for guard in generator.guards] == [guard.name for guard in default_guards()]
    assert [passage.key for passage in generator.generate(dataset).examples[0].negatives] == ["n2"]
    bare = HardNegativeDatasetGenerator(nodes, retriever, negatives_per_query=2, random_negatives=0, guards=())
    assert sorted(passage.key for passage in bare.generate(dataset).examples[0].negatives) == ["n1", "n2"]


def test_random_passages_are_shown_to_the_guards_too() -> None:
    guard = Rule("likeness", {"n04": DROP, "n05": DROP, "n06": FLAG})
    generator = HardNegativeDatasetGenerator(
        NODES[:8], Listed(descending(1)), guards=[guard], negatives_per_query=4, random_negatives=3
    )
    mined = generator.generate(questions({"q": [0]}))
    assert set(ids(mined)) <= {"n01", "n02", "n03", "n06", "n07"}
    assert len(ids(mined)) == 4
    seen = [key for shown in guard.shown for key in shown]
    assert len(seen) == len(set(seen))


def test_each_guard_sees_what_those_before_it_let_through() -> None:
    first, second = Rule("first", {"n01": DROP, "n02": FLAG}), Rule("second", {"n02": FLAG, "n03": DROP})
    generator = HardNegativeDatasetGenerator(
        NODES[:5], Listed(descending(1, 2, 3, 4)), guards=[first, second], random_negatives=0
    )
    mined = generator.generate(questions({"q": [0]}))
    assert (first.shown, second.shown) == ([["n01", "n02", "n03", "n04"]], [["n02", "n03", "n04"]])
    assert {passage.key: dict(passage.metadata) for passage in mined[0].negatives} == {
        "n02": {"flags": ["first: perhaps an answer", "second: perhaps an answer"]},
        "n04": {},
    }
    assert generator.report.guards == {
        "first": {"drop: too like the answer": 1, "flag: perhaps an answer": 1, "keep": 2},
        "second": {"flag: perhaps an answer": 1, "drop: too like the answer": 1, "keep": 1},
    }


def test_guards_are_prepared_once_and_see_where_the_sources_have_the_positive() -> None:
    guard = Rule("likeness", {})
    generator = HardNegativeDatasetGenerator(NODES, {"bm25": Listed(descending(1, 0, 2))}, guards=[guard])
    generator.generate(questions({"q": [0], "r": [19]}))
    assert guard.prepared == [(2, 20)]
    places = {example.query_id: dict(example.positives[0].retrieved) for example in guard.examples}
    assert places == {"q": {"bm25": Retrieved(2, 9.0)}, "r": {}}


def test_a_guard_that_drops_nothing_changes_nothing() -> None:
    dataset = questions({f"q{i}": [i] for i in range(8)})
    free, watched = (
        HardNegativeDatasetGenerator(NODES, Listed(descending(*range(12))), guards=guards).generate(dataset)
        for guards in ((), (Rule("idle", {}),))
    )
    assert free == watched


def test_flags_survive_the_groups_file(tmp_path: Path) -> None:
    guard = Rule("likeness", {"n01": FLAG})
    generator = HardNegativeDatasetGenerator(NODES[:3], Listed(descending(1, 0, 2)), guards=[guard])
    mined = generator.generate(questions({"q": [0]}))
    mined.to_groups(tmp_path / "mined.jsonl")
    read = RerankDataset.load(tmp_path / "mined.jsonl")
    assert [(p.key, p.metadata, p.retrieved) for p in read[0].negatives] == [
        (p.key, p.metadata, p.retrieved) for p in mined[0].negatives
    ]
    assert [passage.metadata for passage in read[0].negatives if passage.key == "n01"] == [
        {"flags": ["likeness: perhaps an answer"]}
    ]
    assert read[0].positives == mined[0].positives


def test_five_cases_of_each_reason_are_kept_whatever_the_order_of_the_questions() -> None:
    guard = Rule("likeness", {"n01": DROP, "n02": FLAG})
    dataset = questions({f"q{i}": [0] for i in range(30)})
    turned = dataset.with_examples(dataset.examples[::-1])
    kept = []
    for each in (dataset, turned):
        generator = HardNegativeDatasetGenerator(NODES, Listed(descending(1, 2, 3)), guards=[guard])
        generator.generate(each)
        kept.append(generator.report.cases)
    assert sorted(kept[0]) == sorted(kept[1])
    assert [(case.outcome, case.node_id) for case in kept[0]] == [("drop", "n01")] * 5 + [("flag", "n02")] * 5
    assert kept[0][0][:3] == ("likeness", "drop", "too like the answer")
    assert kept[0][0].passage == "text 1"
    other = HardNegativeDatasetGenerator(NODES, Listed(descending(1, 2, 3)), guards=[guard], seed=1)
    other.generate(dataset)
    assert {case.query_id for case in other.report.cases} != {case.query_id for case in kept[0]}


def test_a_guard_that_miscounts_is_named() -> None:
    class Miscounting(Rule):
        def decide(self, example: object, candidates: object) -> list[Decision]:
            return []

    generator = HardNegativeDatasetGenerator(NODES, Listed(descending(1, 2)), guards=[Miscounting("lazy", {})])
    with pytest.raises(RerankTunerError, match="guard 'lazy' was shown 2 candidates and decided on 0"):
        generator.generate(questions({"q": [0]}))


def test_a_judged_negative_is_not_shown_to_guards() -> None:
    guard = Rule("likeness", {"n01": DROP})
    judged = (Passage("text 1", node_id="n01", label=0.0),)
    generator = HardNegativeDatasetGenerator(NODES, Listed(descending(1, 2)), guards=[guard])
    assert ids(generator.generate(questions({"q": [0]}, negatives=judged)))[0] == "n01"
    assert "n01" not in [key for shown in guard.shown for key in shown]
