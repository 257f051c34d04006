"""Leaks: every planted one is found, clean splits pass, and what is merely shared is counted and warned of."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.splitting.leaks import check_leaks, find_leaks
from llama_index_rerank_tuner.errors import DataError, LeakError, RerankTunerWarning
from llama_index_rerank_tuner.records import Passage, RerankExample

FEE = "Stall holders on the fish market pay 40 crowns a year, due on the first of March."
LAW = "企业应当自年度终了之日起五个月内，向税务机关报送年度企业所得税纳税申报表，并汇算清缴，结清应缴应退税款。"


def _side(name: str, *rows: tuple[str, str, str | None]) -> RerankDataset:
    """A data set of (query, positive, negative)."""
    return RerankDataset.build(
        RerankExample(f"{name}{place}", query, (Passage(positive),), () if negative is None else (Passage(negative),))
        for place, (query, positive, negative) in enumerate(rows)
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("What is the market fee?", FEE, None), ("What is the market fee?", FEE, None)),
        (("What is the market fee?", FEE, None), ("  ＷHAT'S the market fee", FEE.upper(), None)),
        (("What is the market fee?", FEE, None), ("What is the markte fee?", FEE.replace("due on", "due by"), None)),
        (("企业所得税何时汇算清缴？", LAW, None), ("请问企业所得税何时汇算清缴?", LAW.replace("，", ","), None)),
    ],
)
def test_the_same_question_with_its_answer_is_refused_by_name(
    one: tuple[str, str, None], other: tuple[str, str, None]
) -> None:
    train = _side("a", ("Who may apply?", "Small firms.", None), one)
    test = _side("b", other, ("Where is the office?", "At the harbour.", None))
    with pytest.raises(LeakError, match="query 'b0'") as caught:
        check_leaks(train, test)
    assert "asks what query 'a1'" in str(caught.value)
    assert "1 questions stand on both sides" in str(caught.value)
    assert isinstance(caught.value, DataError)
    assert [(leak.first.query_id, leak.second.query_id) for leak in find_leaks(train, test).leaks] == [("a1", "b0")]


@pytest.mark.parametrize(
    "other",
    [
        ("What is the fee for form B?", FEE, None),
        ("What is the fee for form A?", "Nothing is paid for this form.", None),
        ("Who pays for form A?", FEE, None),
    ],
)
def test_another_question_or_another_answer_is_no_leak(other: tuple[str, str, None]) -> None:
    assert find_leaks(_side("a", ("What is the fee for form A?", FEE, None)), _side("b", other)).leaks == ()


def test_what_is_shared_without_leaking_is_counted_in_one_warning() -> None:
    train = _side("a", ("What is paid?", FEE, "The office is shut."), ("What are the results?", "Growth.", None))
    test = _side("b", ("When is it due?", FEE, "the office is SHUT!"), ("what are the results", "Losses.", "Rain."))
    with pytest.warns(
        RerankTunerWarning, match="judge 2 passages, 1 of them relevant on both, and ask 1 questions"
    ) as got:
        report = check_leaks(train, test)
    assert len(got) == 1
    assert report == find_leaks(train, test)
    assert report.to_dict() == {
        "leaks": [],
        "shared_positives": 1,
        "shared_passages": 2,
        "shared_questions": 1,
        "shared_queries": ["what are the results"],
        "near": True,
    }
    assert "passages judged on both sides                      2" in str(report)


def test_sides_that_share_nothing_pass_without_a_word() -> None:
    report = check_leaks(_side("a", ("What is paid?", FEE, None)), _side("b", ("Who?", "Firms.", None)))
    assert (report.leaks, report.shared_passages, report.shared_questions) == ((), 0, 0)


def test_every_leaking_question_is_reported_once_with_its_first_counterpart() -> None:
    rows = [("What is the market fee?", FEE, None)] * 3
    leaks = find_leaks(_side("a", *rows), _side("b", *rows)).leaks
    assert [(leak.first.query_id, leak.second.query_id) for leak in leaks] == [("a0", "b0"), ("a0", "b1"), ("a0", "b2")]


ENGLISH = ["harbour", "permit", "deadline", "customs", "fishing", "warehouse", "subsidy", "licence", "refund", "tender"]
CHINESE = [
    "研发费用加计扣除",
    "高新技术企业认定",
    "小微企业减税",
    "出口退税",
    "住房公积金",
    "营业执照变更",
    "社保补贴",
    "创业贷款",
    "专利资助",
    "人才落户",
]


def _full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and c != "'" else c for c in text)


QUERY_VARIANTS: list[Callable[[str], str]] = [
    str,
    str.upper,
    _full_width,
    lambda query: f"  {query.rstrip('?？')} !!",
    lambda query: query.replace("What is the", "which is that").replace("如何", "如何 "),
    lambda query: query.replace("amount", "amuont").replace("如何", "请问如何"),
]
ANSWER_VARIANTS: list[Callable[[str], str]] = [
    str,
    str.upper,
    _full_width,
    lambda answer: answer.replace(", ", " - ").replace("，", " "),
    lambda answer: answer + " See also." if answer.isascii() else answer + "详见附件。",
    lambda answer: answer.replace("written", "formal", 1).replace("书面", "正式", 1),
]


def _question(rng: random.Random, number: int) -> tuple[str, str]:
    """A question that no other number has, and its answer."""
    if rng.random() < 0.5:
        topic, other = rng.sample(ENGLISH, 2)
        answer = (
            f"For the {topic} of district {number} the office collects {rng.randint(100, 999)} crowns, payable after a "
            f"written notice, and the {other} of firm {rng.randint(100, 999)} counts towards it until the year ends."
        )
        return f"What is the {topic} amount in district {number}?", answer
    topic, other = rng.sample(CHINESE, 2)
    answer = (
        f"第{number}号办法规定，{topic}由申请人向主管部门提出书面申请，并附{rng.randint(100, 999)}号表格及有关证明，"
        f"主管部门自受理之日起{rng.randint(10, 99)}日内作出决定，与{other}不得同时享受。"
    )
    return f"{topic}按第{number}号办法如何办理？", answer


def _random_data_set(rng: random.Random) -> tuple[RerankDataset, list[tuple[str, str]]]:
    """Questions of random source documents, a generic one in some of them, and copies planted in other documents."""
    examples: list[RerankExample] = []
    for document in range(rng.randint(6, 10)):
        group = None if rng.random() < 0.15 else f"d{document}"
        for _ in range(1 if group is None else rng.randint(1, 4)):
            query, answer = _question(rng, len(examples))
            query = "What are the results?" if rng.random() < 0.1 else query
            examples.append(RerankExample(f"q{len(examples)}", query, (Passage(answer),), group=group))
    planted = []
    for original in rng.sample(examples, rng.randint(0, 3)):
        query = rng.choice(QUERY_VARIANTS)(original.query)
        answer = rng.choice(ANSWER_VARIANTS)(original.positives[0].text)
        group = rng.choice([None, f"d{rng.randrange(10)}"])
        copy = RerankExample(
            f"copy-{original.query_id}", query, (Passage("Beside the point."), Passage(answer)), group=group
        )
        examples.append(copy)
        planted.append((original.query_id, copy.query_id))
    rng.shuffle(examples)
    return RerankDataset.build(examples), planted


@pytest.mark.parametrize("block", range(10))
def test_in_500_random_data_sets_splits_are_clean_and_planted_leaks_are_found(block: int) -> None:
    for number in range(50):
        rng = random.Random(1000 * block + number)
        dataset, planted = _random_data_set(rng)
        split = dataset.split(val=0.15, test=0.25, seed=number)
        sides = {e.query_id: side for side in ("train", "val", "test") for e in getattr(split, side)}
        assert len(sides) == len(dataset)
        for original, copy in planted:
            assert sides[original] == sides[copy]
        homes = {(e.group, sides[e.query_id]) for e in dataset if e.group is not None}
        assert len(homes) == len({group for group, _ in homes})
        for size in split.report.sizes[1:]:
            assert abs(size.given - size.asked) <= split.report.largest[0] / 2
        assert not find_leaks(split.train, (*split.val, *split.test)).leaks
        assert not find_leaks(split.val, split.test).leaks
        _check_planted(dataset, planted, rng)


def _check_planted(dataset: RerankDataset, planted: list[tuple[str, str]], rng: random.Random) -> None:
    """Cut the data so that every copy is across from its original: these leak, and nothing else does."""
    first = {original for original, _ in planted}
    copies = {copy for _, copy in planted}
    for example in dataset:
        if example.query_id not in copies and rng.random() < 0.5:
            first.add(example.query_id)
    ones = [example for example in dataset if example.query_id in first]
    others = [example for example in dataset if example.query_id not in first]
    leaks = {(leak.first.query_id, leak.second.query_id) for leak in find_leaks(ones, others).leaks}
    assert leaks == set(planted)
