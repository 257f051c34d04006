"""Making questions with an LLM: nothing is mixed up, paid for twice or dropped in silence."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from pathlib import Path

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.llms.openai import OpenAI

from llama_index_rerank_tuner.errors import ConfigError, DataError, RerankTunerError
from llama_index_rerank_tuner.questions import generate_queries
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
from tests.questions.stub import Answer, AsyncLLM, FunctionLLM, Stub, digest, questions_about


def _nodes(count: int = 6) -> list[TextNode]:
    return [
        TextNode(
            id_=f"n{number}",
            text=f"The rules of the place{number}.",
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"doc{number // 2}")},
        )
        for number in range(count)
    ]


def _openai(stub: Stub, timeout: float = 20.0) -> OpenAI:
    return OpenAI("gpt-4o-mini", api_base=stub.url, api_key="none", max_retries=0, timeout=timeout)


@pytest.mark.parametrize("kind", [FunctionLLM, AsyncLLM])
def test_every_question_lands_on_the_node_it_was_asked_of(kind: type[FunctionLLM]) -> None:
    dataset, report = generate_queries(_nodes(), kind(questions_about), seed=3)
    assert [(e.query, e.positives[0].node_id, e.group) for e in dataset][:3] == [
        ("Who pays for place0?", "n0", "doc0"),
        ("When is place0 open?", "n0", "doc0"),
        ("Who pays for place1?", "n1", "doc0"),
    ]
    assert all(example.query.split("place")[1][0] == example.positives[0].key[1] for example in dataset)
    assert (len(dataset), len(dataset.corpus), report.usage.calls, report.complete) == (12, 6, 6, True)
    assert dict(dataset[0].metadata) == {
        "source": "llm",
        "model": "function",
        "prompt_version": 1,
        "node_id": "n0",
        "language": "en",
    }
    assert dataset[0].positives[0].label == 1.0


def test_it_works_inside_a_running_event_loop() -> None:
    async def notebook() -> int:
        return len(generate_queries(_nodes(2), AsyncLLM(questions_about))[0])

    assert asyncio.run(notebook()) == 4


def test_chinese_text_is_asked_about_in_chinese() -> None:
    llm = FunctionLLM(lambda prompt: '["谁可以申请?"]')
    dataset, _ = generate_queries([TextNode(id_="a", text="高新技术企业可以申请。")], llm)
    assert "请写出2个不同的问题" in llm.asked[0]
    assert dataset[0].metadata["language"] == "zh"


def test_place_holders_and_braces_in_a_passage_stay_as_they_are() -> None:
    llm = FunctionLLM(lambda prompt: '["Who may apply?"]')
    generate_queries([TextNode(text="Write {count} and {passage} here: {}")], llm)
    assert "<passage>\nWrite {count} and {passage} here: {}\n</passage>" in llm.asked[0]


def test_garbage_is_asked_again_with_a_reminder_and_then_reported() -> None:
    def answer(prompt: str) -> str:
        return "I would rather not." if "place1" in prompt else questions_about(prompt)

    llm = FunctionLLM(answer)
    dataset, report = generate_queries(_nodes(3), llm, retries=2, concurrency=1)
    assert report.failed == {"n1": "no readable answer in 3 tries"}
    assert (report.usage.unreadable, report.usage.calls, len(dataset), report.complete) == (3, 5, 4, False)
    asked = [prompt for prompt in llm.asked if "place1" in prompt]
    assert [prompt.endswith('list of strings: ["...", "..."]\n') for prompt in asked] == [False, True, True]
    assert "failed: node n1: no readable answer" in str(report)


def test_no_question_at_all_is_an_error_that_holds_the_report() -> None:
    with pytest.raises(DataError, match=r"(?s)no question came of them.*unreadable answers +2"):
        generate_queries(_nodes(1), FunctionLLM(lambda prompt: "no"), retries=1)
    with pytest.raises(DataError, match="there are none"):
        generate_queries([], FunctionLLM(questions_about))


def test_nothing_to_ask_and_questions_about_the_passage_are_told() -> None:
    answers = {"place0": "[]", "place1": '["What does the passage say?"]', "place2": '["A one?", "B two?", "C three?"]'}
    llm = FunctionLLM(lambda prompt: next(answer for place, answer in answers.items() if place in prompt))
    blank = TextNode(id_="blank", text=" -- ")
    dataset, report = generate_queries([*_nodes(3), blank], llm)
    assert report.nothing_to_ask == ["n0", "blank"]
    assert report.failed == {"n1": "all its questions speak of the passage"}
    assert report.refused == {"speaks of the passage": 1, "more than were asked for": 1}
    assert [example.query for example in dataset] == ["A one?", "B two?"]
    assert len(llm.asked) == 3


def test_the_same_question_of_two_nodes_is_one_with_both_as_positives() -> None:
    llm = FunctionLLM(lambda prompt: '["Who may apply?"]' if "place0" in prompt else '["who may  apply", "When?"]')
    dataset, report = generate_queries(_nodes(2), llm)
    assert [(e.query, [p.node_id for p in e.positives]) for e in dataset] == [
        ("Who may apply?", ["n0", "n1"]),
        ("When?", ["n1"]),
    ]
    assert report.duplicates == 1


def test_nodes_with_one_text_are_asked_about_once() -> None:
    llm = FunctionLLM(questions_about)
    dataset, _ = generate_queries([TextNode(id_=each, text="All about place7.") for each in "ab"], llm)
    assert len(llm.asked) == 1
    assert [[p.node_id for p in e.positives] for e in dataset] == [["a", "b"], ["a", "b"]]


def test_a_restart_pays_for_nothing_twice_and_a_changed_node_is_asked_again(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    first, _ = generate_queries(_nodes(), FunctionLLM(questions_about), journal=journal)
    llm = FunctionLLM(questions_about)
    again, report = generate_queries(_nodes(), llm, journal=journal, seed=9)
    assert (llm.asked, report.usage.calls, report.usage.remembered) == ([], 0, 6)
    assert again == first
    changed = _nodes()
    changed[2].set_content("The rules of the place9.")
    last, report = generate_queries(changed[::-1], llm, journal=journal)
    assert [("place9" in prompt) for prompt in llm.asked] == [True]
    assert {e.positives[0].node_id for e in last if "place9" in e.query} == {"n2"}
    assert "place2" not in "".join(e.query for e in last)


def test_paid_garbage_is_remembered_too(tmp_path: Path) -> None:
    llm = FunctionLLM(lambda prompt: questions_about(prompt) if prompt.endswith("]\n") else "garbage")
    for calls in (4, 0):
        _, report = generate_queries(_nodes(2), llm, journal=tmp_path / "j")
        assert (report.usage.calls, report.usage.unreadable, report.complete) == (calls, 2, True)


@pytest.mark.parametrize("cap", [{"max_calls": 4}, {"max_tokens": 1400}])
def test_a_cap_stops_cleanly_and_the_next_run_goes_on(tmp_path: Path, cap: dict[str, int]) -> None:
    whole, _ = generate_queries(_nodes(8), FunctionLLM(questions_about))
    llm = FunctionLLM(questions_about)
    dataset, report = generate_queries(_nodes(8), llm, journal=tmp_path / "j", **cap)
    assert 0 < len(dataset) < 16
    assert len(report.unasked) + len(dataset) // 2 == 8
    assert report.usage.calls == len(llm.asked) <= cap.get("max_calls", 8)
    assert report.usage.tokens <= cap.get("max_tokens", 10**9)
    assert "the cap of" in str(report)
    rest, report = generate_queries(_nodes(8), llm, journal=tmp_path / "j")
    assert rest == whole
    assert len(llm.asked) == len(set(llm.asked)) == 8


def test_other_settings_on_the_same_journal_are_refused(tmp_path: Path) -> None:
    generate_queries(_nodes(1), FunctionLLM(questions_about), journal=tmp_path / "j")
    with pytest.raises(DataError, match="per_node was 2 and is 3"):
        generate_queries(_nodes(1), FunctionLLM(questions_about), journal=tmp_path / "j", per_node=3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"per_node": 0},
        {"concurrency": 0},
        {"retries": -1},
        {"timeout": 0},
        {"max_calls": -1},
        {"language": "fr"},
    ],
)
def test_arguments_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        generate_queries(_nodes(1), FunctionLLM(questions_about), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("on_miss", "kept"),
    [("drop", {"place0": 1}), ("flag", {"place0": 1, "dragons": None}), ("keep", {"place0": 1, "dragons": "unmarked"})],
)
def test_the_round_trip_drops_flags_or_keeps(on_miss: str, kept: dict[str, object]) -> None:
    llm = FunctionLLM(lambda prompt: '["Who pays for place0?", "Where do dragons live?"]')
    nodes = _nodes(6)
    dataset, report = generate_queries(
        nodes[:1] + nodes[2:4],
        FunctionLLM(lambda prompt: llm.complete(prompt).text if "place0" in prompt else "[]"),
        round_trip=BM25JiebaRetriever(nodes, similarity_top_k=3),
        on_miss=on_miss,  # type: ignore[arg-type]
    )
    ranks = {example.query.split()[-1].strip("?"): example.metadata for example in dataset}
    words = {("dragons" if word == "live" else word): metadata for word, metadata in ranks.items()}
    assert {word: metadata.get("round_trip_rank", "unmarked") for word, metadata in words.items()} == kept
    assert report.missed == 1
    with pytest.raises(ConfigError, match="on_miss"):
        generate_queries(nodes, llm, round_trip=BM25JiebaRetriever(nodes), on_miss="hide")  # type: ignore[arg-type]


def test_the_openai_client_gets_through_garbage_429_and_500(tmp_path: Path) -> None:
    def answer(prompt: str, before: int) -> Answer:
        trouble = random.Random(digest(prompt)).choice([None, "garbage, sorry", 429, 500, 503])
        return trouble if trouble is not None and before < 2 else questions_about(prompt)

    with Stub(answer) as stub:
        dataset, report = generate_queries(_nodes(16), _openai(stub), journal=tmp_path / "j", pause=0.01)
        assert (len(dataset), report.complete, report.model) == (32, True, "gpt-4o-mini")
        assert report.usage.calls == len(stub.log)
        answered = report.usage.calls - sum(report.usage.faults.values())
        assert report.usage.tokens == 100 * answered
        assert report.usage.unreadable > 0
        assert {fault.split(":")[0] for fault in report.usage.faults} == {"RateLimitError", "InternalServerError"}
        _, again = generate_queries(_nodes(16), _openai(stub), journal=tmp_path / "j", pause=0.01)
        assert (again.usage.calls, again.usage.remembered) == (0, answered)


@pytest.mark.parametrize(("timeout", "of_the_client"), [(1.5, 30.0), (30.0, 1.5)])
def test_a_hanging_service_is_given_up_node_by_node(timeout: float, of_the_client: float) -> None:
    with Stub(lambda prompt, before: 4.0 if "place1" in prompt else questions_about(prompt)) as stub:
        _, report = generate_queries(_nodes(3), _openai(stub, of_the_client), timeout=timeout, retries=1, pause=0.0)
    assert list(report.failed) == ["n1"]
    assert report.failed["n1"].startswith("the call failed 2 times: ")
    assert sum(report.usage.faults.values()) >= 2


def test_the_servers_retry_after_is_heeded() -> None:
    with Stub(lambda prompt, before: 429 if before == 0 else questions_about(prompt)) as stub:
        stub.headers = {"retry-after": "0.4"}
        arrivals: list[float] = []
        loop = asyncio.new_event_loop()
        stub.on_call = lambda calls: arrivals.append(loop.time())
        generate_queries(_nodes(1), _openai(stub), pause=0.0)
    loop.close()
    assert arrivals[1] - arrivals[0] >= 0.4


def test_a_service_that_is_down_stops_the_run_and_leaves_the_rest_unasked(tmp_path: Path) -> None:
    def answer(prompt: str, before: int) -> Answer:
        return questions_about(prompt) if len(stub.log) == 1 else 500

    with Stub(answer) as stub:
        _, report = generate_queries(
            _nodes(20), _openai(stub), journal=tmp_path / "j", retries=1, pause=0.0, concurrency=1
        )
    assert (len(report.failed), len(report.unasked), len(stub.log)) == (5, 14, 11)
    assert "5 prompts in a row got no answer" in str(report)


@pytest.mark.parametrize(("status", "calls"), [(401, 1), (402, 1), (404, 1)])
def test_a_wrong_key_or_model_stops_at_once(status: int, calls: int) -> None:
    with Stub(lambda prompt, before: status) as stub:
        with pytest.raises(RerankTunerError, match=f"cannot be asked.*{status}"):
            generate_queries(_nodes(20), _openai(stub), concurrency=1)
        assert len(stub.log) == calls


def test_a_prompt_that_the_service_refuses_fails_alone() -> None:
    with Stub(lambda prompt, before: 400 if "place1" in prompt else questions_about(prompt)) as stub:
        _, report = generate_queries(_nodes(3), _openai(stub))
    assert list(report.failed) == ["n1"]
    assert report.usage.calls == 3


def test_a_service_that_refuses_every_prompt_is_not_asked_on_and_on() -> None:
    with Stub(lambda prompt, before: 400) as stub:
        with pytest.raises(DataError, match=r"(?s)nodes not asked yet +15.*5 prompts in a row got no answer"):
            generate_queries(_nodes(20), _openai(stub), concurrency=1)
        assert len(stub.log) == 5


@pytest.mark.parametrize(("concurrency", "expected"), [(None, 1), (3, 3)])
def test_a_synchronous_llm_gets_one_call_at_a_time_unless_more_are_asked_for(
    concurrency: int | None, expected: int
) -> None:
    meet, at_once, most = threading.Lock(), 0, 0

    def answer(prompt: str) -> str:
        nonlocal at_once, most
        with meet:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.05)
        with meet:
            at_once -= 1
        return questions_about(prompt)

    generate_queries(_nodes(6), FunctionLLM(answer), concurrency=concurrency)
    assert most == expected


def test_a_synchronous_llm_that_hangs_is_given_up() -> None:
    gate = threading.Event()

    def answer(prompt: str) -> str:
        if "place1" in prompt:
            gate.wait(20)
        return questions_about(prompt)

    try:
        _, report = generate_queries(_nodes(3), FunctionLLM(answer), timeout=0.5, retries=0, concurrency=2)
    finally:
        gate.set()
    assert report.failed == {"n1": "the call failed 1 times: no answer in time"}


def test_long_answers_count_in_advance_towards_the_token_cap() -> None:
    llm = FunctionLLM(lambda prompt: questions_about(prompt) + " and so on" * 500)
    _, report = generate_queries(_nodes(8), llm, max_tokens=4000)
    assert len(llm.asked) == 2
    assert report.usage.tokens <= 4000
    assert len(report.unasked) == 6


def test_the_report_can_be_saved_as_json() -> None:
    _, report = generate_queries(_nodes(2), FunctionLLM(questions_about))
    assert json.loads(json.dumps(report.to_dict()))["questions"] == 4
