"""Splitting: whole groups, the sizes asked for, and a training corpus that has seen nothing of the test."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.dataset import RerankDataset, Split, load_handbook
from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.records import Passage, RerankExample


# A group of so many questions for each size; None stands for one question without a group.
def _dataset(sizes: list[int | None], shared: bool = False) -> RerankDataset:
    examples = []
    for group, size in enumerate(sizes):
        name = None if size is None else f"g{group}"
        for number in range(size or 1):
            own = Passage(f"文 {group}-{number}", f"{group}-{number}", label=1.0, group=name)
            everyones = Passage("shared", "shared", label=1.0)
            positives = (own, everyones) if shared and group % 2 else (own,)
            # Generic questions where answers differ, different ones where an answer is shared: nothing is joined.
            query = f"query {group if shared else 0}-{number}"
            examples.append(RerankExample(f"q{group}-{number}", query, positives, group=name))
    unasked = [Passage(f"unasked {group}", f"unasked-{group}", group=f"g{group}") for group in range(len(sizes))]
    return RerankDataset.build(examples, corpus=[*unasked, Passage("nobody's", "nobody's")])


def _sides(split: Split) -> dict[str, RerankDataset]:
    return {"train": split.train, "val": split.val, "test": split.test}


_SIZES = st.lists(st.none() | st.integers(1, 6), min_size=4, max_size=25)
_SHARES = st.floats(0.05, 0.4)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(sizes=_SIZES, val=_SHARES, test=_SHARES, seed=st.integers(0, 50), shared=st.booleans())
def test_a_split_keeps_groups_whole_sizes_near_and_training_blind(
    sizes: list[int | None], val: float, test: float, seed: int, shared: bool
) -> None:
    dataset = _dataset(sizes, shared)
    total, largest = len(dataset), max(size or 1 for size in sizes)
    assume(round(val * total) + round(test * total) + 2 * largest <= total)
    split = dataset.split(val=val, test=test, seed=seed)

    everywhere = [example for side in _sides(split).values() for example in side]
    assert Counter(e.query_id for e in everywhere) == Counter(e.query_id for e in dataset)
    homes: dict[str, set[str]] = {}
    for side, part in _sides(split).items():
        for example in part:
            homes.setdefault(example.group or example.query_id, set()).add(side)
    assert all(len(home) == 1 for home in homes.values())

    for part, share in ((split.val, val), (split.test, test)):
        wanted = max(1, round(share * total)) if share else 0
        alone = len({example.group or example.query_id for example in part}) == 1
        assert abs(len(part) - wanted) <= largest / 2 or alone, "only a side that would stay empty may miss by more"
    assert len(split.train) > 0

    held_out = [*split.val, *split.test]
    seen = {passage.key for passage in split.train.corpus}
    assert seen.isdisjoint(p.key for e in held_out for p in e.positives)
    assert {p.group for p in split.train.corpus}.isdisjoint(e.group for e in held_out if e.group is not None)
    assert split.val.corpus == split.test.corpus == dataset.corpus
    assert split == dataset.split(val=val, test=test, seed=seed)
    assert not split.report.joins


def test_training_keeps_every_passage_it_may_see() -> None:
    split = _dataset([3] * 10).split(val=3, test=3, seed=4)
    kept = {e.group for e in split.train}
    expected = {p.key for p in split.test.corpus if p.group in kept or p.group is None}
    assert {p.key for p in split.train.corpus} == expected
    assert "nobody's" in expected


def test_a_passage_that_answers_a_test_question_from_another_document_is_hidden_too() -> None:
    answer = Passage("the answer", "n1", label=1.0, group="a")
    examples = [RerankExample(f"q{name}", name, (answer,), group=name) for name in "abcdefgh"]
    split = RerankDataset.build(examples, corpus=[Passage("free", "free")]).split(val=1, test=1)
    assert [passage.key for passage in split.train.corpus] == ["free"]


def test_given_negatives_that_answer_a_held_out_question_are_not_taught() -> None:
    records = [
        {"query": f"q{i}", "pos": [f"p{i}"], "neg": [f"p{(i + 1) % 10}", "x"], "group": f"g{i}"} for i in range(10)
    ]
    split = RerankDataset.from_records(records).split(val=2, test=2)
    answers = {passage.key for e in (*split.val, *split.test) for passage in e.positives}
    assert answers.isdisjoint(passage.key for e in split.train for passage in e.negatives)


def test_another_seed_gives_another_split() -> None:
    dataset = _dataset([2] * 12)
    tests = {tuple(e.query_id for e in dataset.split(seed=seed).test) for seed in range(10)}
    assert len(tests) > 5


def test_the_split_does_not_hang_on_the_order_of_the_questions() -> None:
    dataset = _dataset([2, 3, 1, None, 4, 2, 2, None])
    backwards = RerankDataset.build(reversed(dataset.examples), dataset.corpus)
    for side, part in _sides(dataset.split(seed=5)).items():
        assert {e.query_id for e in part} == {e.query_id for e in _sides(backwards.split(seed=5))[side]}


def test_a_whole_number_is_a_number_of_questions() -> None:
    split = _dataset([None] * 30).split(val=4, test=7)
    assert (len(split.train), len(split.val), len(split.test)) == (19, 4, 7)


def test_the_handbook_splits_by_family() -> None:
    split = load_handbook().split(val=0.1, test=0.2, seed=0)
    assert (len(split.train), len(split.val), len(split.test)) == (252, 36, 72)
    assert {p.group for p in split.train.corpus} == {e.group for e in split.train}
    assert len(split.train.corpus) == 84


def test_no_validation_or_test_may_be_asked_for() -> None:
    split = _dataset([2] * 5).split(val=0, test=0)
    assert (len(split.train), len(split.val), len(split.test)) == (10, 0, 0)
    assert split.train.corpus == split.test.corpus


@pytest.mark.parametrize(("val", "test"), [(0.5, 0.5), (0.9, 0.2), (5, 5), (0, 10), (20, 0.1)])
def test_sizes_that_leave_nothing_to_train_on_are_refused(val: float, test: float) -> None:
    with pytest.raises(ConfigError, match=f"val={val} and test={test} leave none of the 10 questions to train on"):
        _dataset([None] * 10).split(val=val, test=test)


@pytest.mark.parametrize("size", [-0.1, -1, 1.0, 1.5, 20.0, float("nan"), float("inf")])
def test_a_size_that_is_neither_share_nor_number_is_refused(size: float) -> None:
    with pytest.raises(ConfigError, match="A split size is a share under 1 or a number of questions, got"):
        _dataset([None] * 10).split(val=size, test=2)


@pytest.mark.parametrize("sizes", [[10], [5, 5]])
def test_too_few_groups_are_refused_with_the_next_step(sizes: list[int | None]) -> None:
    with pytest.raises(DataError, match=r"there are too few groups for 3 sides\. Add source documents\."):
        _dataset(sizes).split()


def test_three_groups_are_enough_for_three_sides_whatever_their_sizes_and_the_seed() -> None:
    for seed in range(8):
        split = _dataset([8, 1, 1]).split(val=0.1, test=0.2, seed=seed)
        assert all(len(part) > 0 for part in _sides(split).values())


_ANSWER = "Stall holders on the fish market pay 40 crowns a year, due on the first of March."


def _questions(*rows: tuple[str, str, str]) -> RerankDataset:
    """Questions from (source document, query, answer)."""
    return RerankDataset.build(
        RerankExample(f"q{place}", query, (Passage(answer, label=1.0),), group=group)
        for place, (group, query, answer) in enumerate(rows)
    )


def test_documents_with_the_same_question_and_answer_stay_together_and_the_report_says_why() -> None:
    rows = [(f"d{i}", f"What is rule {i}?", f"Rule {i} says {word}.") for i, word in enumerate("abcdefgh")]
    rows += [("old", "What's the market fee?", _ANSWER), ("new", "what is the market fee", _ANSWER.upper())]
    for seed in range(10):
        split = _questions(*rows).split(val=2, test=2, seed=seed)
        homes = [side for side, part in _sides(split).items() for e in part if e.group in ("old", "new")]
        assert len(set(homes)) == 1
        report = split.report
        assert (report.unit, report.groups, report.components, report.largest) == (
            "source document",
            10,
            9,
            (2, 1, 1, 1, 1),
        )
        assert [join.groups for join in report.joins] == [("new", "old")]
        assert "'what is the market fee' of new = \"What's the market fee?\" of old" in str(report)


def test_a_generic_question_with_other_answers_joins_nothing() -> None:
    rows = [(f"d{i}", "What are the results?", f"{word} wins by {i} points.") for i, word in enumerate("abcdefgh")]
    report = _questions(*rows).split(val=2, test=2).report
    assert (report.groups, report.components, report.joins) == (8, 8, ())
    assert report.sizes == (("train", 4, 4), ("val", 2, 2), ("test", 2, 2))


def test_without_documents_the_split_is_by_query_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    split = _dataset([None] * 10).split(val=2, test=3)
    assert (split.report.unit, split.report.groups, split.report.without_document) == ("query", 10, 10)
    assert "kept whole: query; 10 in 10 components" in str(split.report)
    assert "No question names its source document" in caplog.text


def test_by_query_cuts_through_documents_and_leaves_training_their_other_passages() -> None:
    split = _dataset([5, 5]).split(val=2, test=3, by="query")
    assert [len(part) for part in _sides(split).values()] == [5, 2, 3]
    assert split.report.unit == "query"
    held_out = {p.key for e in (*split.val, *split.test) for p in e.positives}
    assert {p.key for p in split.train.corpus} == {p.key for p in split.test.corpus} - held_out


def test_questions_without_a_document_are_kept_whole_alone() -> None:
    report = _dataset([3, None, 4, None]).split(val=1, test=1).report
    assert (report.unit, report.groups, report.largest, report.without_document) == (
        "source document",
        4,
        (4, 3, 1, 1),
        2,
    )


def test_a_training_size_leaves_the_others_out() -> None:
    split = _dataset([None] * 30).split(train=10, val=4, test=7)
    assert [len(part) for part in _sides(split).values()] == [10, 4, 7]
    assert split.report.left_out == 9
    assert "left out" in str(split.report)


def test_shares_that_make_up_the_whole_leave_nothing_out() -> None:
    for total in range(5, 40):
        split = _dataset([None] * total).split(train=0.7, val=0.1, test=0.2)
        assert sum(map(len, _sides(split).values())) == total


def test_a_size_is_missed_by_half_of_the_largest_document_at_most() -> None:
    split = _dataset([7, 7, 7, 7, 7, 7]).split(val=4, test=10)
    assert [len(part) for part in _sides(split).values()] == [28, 7, 7]
    assert split.report.sizes == (("train", 28, 28), ("val", 4, 7), ("test", 10, 7))


def test_more_than_there_is_cannot_be_asked_for() -> None:
    with pytest.raises(ConfigError, match="train=8, val=1 and test=2 ask for more than the 10 questions there are"):
        _dataset([None] * 10).split(train=8, val=1, test=2)
    with pytest.raises(ConfigError, match="by must be"):
        _dataset([None] * 10).split(by="paper")  # type: ignore[arg-type]


def test_documents_that_are_all_joined_cannot_be_split() -> None:
    rows = [(f"d{i}", "What is the market fee?", _ANSWER) for i in range(6)]
    with pytest.raises(
        DataError, match="too few groups for 3 sides, because groups that share a question with its ans"
    ):
        _questions(*rows).split()


def test_the_report_can_be_stored_as_json() -> None:
    rows = [(f"d{i}", "What is the fee?", _ANSWER if i < 2 else f"Number {i}") for i in range(6)]
    stored = json.loads(json.dumps(_questions(*rows).split(val=1, test=1).report.to_dict()))
    assert stored["sizes"] == {
        "train": {"asked": 4, "given": 4},
        "val": {"asked": 1, "given": 1},
        "test": {"asked": 1, "given": 1},
    }
    assert stored["joins"][0]["groups"] == ["d0", "d1"]
