"""The three sides of the data: a test set given as such, and leaks, which are refused by name."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from llama_index_rerank_tuner import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError, DataError, LeakError, RerankTunerWarning
from llama_index_rerank_tuner.pipeline.sides import cut_in_three, refuse_leaks, refuse_taught_before, searched_together
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract
from tests.pipeline_gate.subject import ANSWER, DOCUMENTS, TESTED_ON, TRAINED_ON, passage, question, subject


def asked(query_id: str, query: str, answer: str) -> RerankExample:
    return RerankExample(query_id, query, (Passage(answer),), group=f"group of {query_id}")


def test_a_given_test_set_is_the_test_set() -> None:
    test = subject(TESTED_ON)
    split = cut_in_three(searched_together(subject(TRAINED_ON), test), 18, test, seed=0)
    assert split.test is test
    assert (len(split.train), len(split.val)) == (54, 18)


def test_what_is_searched_holds_the_test_set_and_what_is_taught_does_not() -> None:
    test = subject(TESTED_ON)
    together = searched_together(subject(TRAINED_ON), test)
    assert {each.key for each in together.corpus} >= {each.key for each in test.corpus}
    split = cut_in_three(together, 18, test, seed=0)
    documents = {each.group for each in split.train.corpus}
    assert documents == {example.group for example in split.train}
    assert documents.isdisjoint(TESTED_ON)


def test_a_share_is_cut_off_as_before() -> None:
    labelled = subject(DOCUMENTS)
    assert searched_together(labelled, 48) is labelled
    split, plain = cut_in_three(labelled, 18, 48, seed=3), labelled.split(val=18, test=48, seed=3)
    assert [example.query_id for example in split.test] == [example.query_id for example in plain.test]
    assert split.train.corpus == plain.train.corpus


def test_a_passage_that_answers_a_test_question_is_not_taught_whatever_its_document() -> None:
    test = subject(TESTED_ON)
    copied = replace(passage(TESTED_ON[0], "fee", ANSWER), node_id="copy", group=TRAINED_ON[0])
    labelled = subject(TRAINED_ON)
    labelled = replace(labelled, corpus=(*labelled.corpus, copied))
    split = cut_in_three(searched_together(labelled, test), 18, test, seed=0)
    assert "copy" not in {each.key for each in split.train.corpus}


def test_leaks_are_refused_with_the_list_of_them() -> None:
    known = [asked("k1", "Who may apply?", "Small firms."), asked("k2", "What is the fee?", "Ten francs a month.")]
    test = [
        asked("t1", "what is the fee", "Ten francs a month!"),
        asked("t2", "who may apply", "small firms"),
        asked("t3", "When is the deadline?", "In May."),
    ]
    with pytest.raises(LeakError) as refused:
        refuse_leaks(known, test)
    assert str(refused.value).splitlines() == [
        "test: 2 of its 3 questions stand in the training or validation data with their answers, the same or nearly "
        "the same. Remove them from one side, or let the split keep them together: give test= a share.",
        "  'what is the fee' is 'What is the fee?'",
        "  'who may apply' is 'Who may apply?'",
    ]


def test_a_long_list_of_leaks_is_cut_and_says_so() -> None:
    known = [asked(f"k{place}", f"question number {place}", f"answer {place}") for place in range(53)]
    test = [replace(example, query_id=f"t{place}") for place, example in enumerate(known)]
    with pytest.raises(LeakError) as refused:
        refuse_leaks(known, test)
    lines = str(refused.value).splitlines()
    assert lines[0].startswith("test: 53 of its 53 questions")
    assert (len(lines), lines[-1]) == (52, "  and 3 more")


def test_the_same_question_with_another_answer_is_no_leak() -> None:
    refuse_leaks([asked("k", "What are the results?", "Ten.")], [asked("t", "What are the results?", "A new method.")])


@pytest.mark.parametrize("side", ["training", "validation"])
def test_a_test_question_is_found_on_either_other_side(side: str) -> None:
    test = subject(TESTED_ON)
    labelled = subject(TRAINED_ON)
    clean = cut_in_three(searched_together(labelled, test), 18, test, seed=0)
    known = (clean.train if side == "training" else clean.val).examples[0]
    leaked = replace(test.examples[0], query=known.query, positives=known.positives)
    test = RerankDataset.build([leaked, *test.examples[1:]], test.corpus)
    with pytest.raises(LeakError, match="1 of its 48 questions"):
        cut_in_three(searched_together(labelled, test), 18, test, seed=0)


def test_one_document_on_both_sides_is_told() -> None:
    labelled = subject(TRAINED_ON)
    more = [RerankExample("extra", "may the month of the city", question(TRAINED_ON[0], "fee").positives, group=None)]
    test = RerankDataset.build([*subject(TESTED_ON).examples, *more], subject(TESTED_ON).corpus)
    with pytest.warns(RerankTunerWarning, match="1 source documents have questions both in the test set and"):
        split = cut_in_three(searched_together(labelled, test), 18, test, seed=0)
    answers = {each.text for example in test for each in example.positives}
    assert answers.isdisjoint(each.text for each in split.train.corpus)


def test_separate_documents_are_silent() -> None:
    test = subject(TESTED_ON)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RerankTunerWarning)
        cut_in_three(searched_together(subject(TRAINED_ON), test), 18, test, seed=0)


def test_a_test_set_under_another_contract_is_refused() -> None:
    test = replace(subject(TESTED_ON), contract=TextContract("embed"))
    with pytest.raises(ConfigError, match="its metadata_mode is 'embed', that of the labelled questions 'none'"):
        searched_together(subject(TRAINED_ON), test)
    test = replace(subject(TESTED_ON), contract=TextContract("none", passage_template="rule {passage}"))
    with pytest.raises(ConfigError, match=r"passage_template is 'rule \{passage\}'"):
        searched_together(subject(TRAINED_ON), test)


def test_one_id_for_two_texts_is_refused() -> None:
    test = RerankDataset.build([asked("t", "Who?", "I")], [Passage("other", node_id=f"{TRAINED_ON[0]}-fee-{ANSWER}")])
    with pytest.raises(DataError, match="stands for two texts"):
        searched_together(subject(TRAINED_ON), test)


def test_a_test_question_without_a_positive_is_refused() -> None:
    test = RerankDataset.build([RerankExample("t", "Who?")])
    with pytest.raises(DataError, match="no positive"):
        searched_together(subject(TRAINED_ON), test)


def test_a_given_test_set_of_too_few_documents_is_refused() -> None:
    test = subject(TESTED_ON[:4])
    with pytest.raises(DataError, match="test got 4 source documents and needs 6"):
        cut_in_three(searched_together(subject(TRAINED_ON), test), 18, test, seed=0)


@pytest.fixture
def earlier_run(tmp_path: Path) -> Path:
    """What a run over the first documents leaves behind, as far as leaks go."""
    (tmp_path / "data").mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "training_report.json").write_text("{}")
    subject(TRAINED_ON[:2]).to_groups(tmp_path / "data" / "train.jsonl")
    subject(TRAINED_ON[2:3]).to_groups(tmp_path / "data" / "val.jsonl")
    subject(TRAINED_ON[3:4]).to_groups(tmp_path / "data" / "test.jsonl")
    return tmp_path / "model"


@pytest.mark.parametrize(("document", "taught"), [(0, True), (2, True), (3, False), (4, False)])
def test_what_the_model_was_tuned_on_before_may_not_test_it(earlier_run: Path, document: int, taught: bool) -> None:
    test = subject(TRAINED_ON[document : document + 1])
    if not taught:
        refuse_taught_before(str(earlier_run), test)
        return
    with pytest.raises(LeakError, match=r"6 of its 6 questions stand in what .* was tuned on") as refused:
        refuse_taught_before(str(earlier_run), test)
    assert str(refused.value).count("\n") == 6


def test_nothing_is_known_of_another_model(tmp_path: Path) -> None:
    refuse_taught_before("cross-encoder/ms-marco-MiniLM-L6-v2", subject(TESTED_ON))
    (tmp_path / "data").mkdir()
    subject(TESTED_ON).to_groups(tmp_path / "data" / "train.jsonl")
    refuse_taught_before(str(tmp_path / "model"), subject(TESTED_ON))
