"""``TextContract``: what text a model reads, and how that decision travels in a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.schema import MetadataMode, TextNode

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.text import CONTRACT_FILE, TextContract

NODE = TextNode(
    text="Firms under 50 staff may apply.",
    metadata={"title": "Grant rules", "page": "3"},
    excluded_embed_metadata_keys=["page"],
    excluded_llm_metadata_keys=["title"],
)


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("embed", "title: Grant rules\n\nFirms under 50 staff may apply."),
        ("llm", "page: 3\n\nFirms under 50 staff may apply."),
        ("none", "Firms under 50 staff may apply."),
        ("all", "title: Grant rules\npage: 3\n\nFirms under 50 staff may apply."),
    ],
)
def test_the_metadata_mode_decides_which_metadata_stands_in_a_nodes_text(mode: str, text: str) -> None:
    assert TextContract(mode).passage_text(NODE) == text  # type: ignore[arg-type]


def test_the_default_is_the_text_that_llama_index_rerankers_score() -> None:
    assert TextContract().passage_text(NODE) == NODE.get_content(metadata_mode=MetadataMode.EMBED)


def test_content_is_the_nodes_text_before_the_template() -> None:
    contract = TextContract("none", passage_template="passage: {passage}")
    assert contract.content(NODE) == "Firms under 50 staff may apply."
    assert contract.passage_text(NODE) == "passage: Firms under 50 staff may apply."


def test_bare_text_gets_the_template_and_no_metadata() -> None:
    contract = TextContract(query_template="问题：{query}", passage_template="条文：{passage}")
    assert contract.query_text("谁可以申请 grant？") == "问题：谁可以申请 grant？"
    assert contract.passage_text("小微企业可以申请。") == "条文：小微企业可以申请。"


@settings(deadline=None)
@given(st.text())
def test_braces_and_percent_signs_in_the_text_are_left_as_they_are(text: str) -> None:
    contract = TextContract(query_template="<{query}>", passage_template="[{passage}]")
    for tricky in (text, text + "{query}{passage}{0}%s"):
        assert contract.query_text(tricky) == f"<{tricky}>"
        assert contract.passage_text(tricky) == f"[{tricky}]"


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"query_template": "question: "}, "query_template must contain {query} once, got 'question: '"),
        ({"query_template": "{query} {query}"}, "query_template must contain {query} once"),
        ({"passage_template": "{query}"}, "passage_template must contain {passage} once, got '{query}'"),
        ({"max_length": 0}, "max_length must be a positive number of tokens, got 0"),
        ({"max_length": -5}, "got -5"),
        ({"metadata_mode": "EMBED"}, "metadata_mode must be embed, none, llm or all, got 'EMBED'"),
    ],
)
def test_a_setting_that_cannot_work_is_named_with_what_was_given(setting: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError) as raised:
        TextContract(**setting)  # type: ignore[arg-type]
    assert named in str(raised.value)


@settings(max_examples=25, deadline=None)
@given(
    contract=st.builds(
        TextContract,
        metadata_mode=st.sampled_from(["embed", "none", "llm", "all"]),
        query_template=st.text(st.characters(exclude_characters="{}", codec="utf-8")).map(lambda t: t + "{query}"),
        passage_template=st.text(st.characters(exclude_characters="{}", codec="utf-8")).map(lambda t: "{passage}" + t),
        max_length=st.integers(1, 8192),
        retriever=st.none() | st.just("bm25 中文"),
        scope=st.none() | st.just("corpus 3 + group 1"),
    )
)
def test_what_is_saved_is_what_is_loaded(contract: TextContract, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("checkpoint")
    contract.save(folder)
    assert TextContract.load(folder) == contract


def test_a_checkpoint_without_a_contract_has_none(tmp_path: Path) -> None:
    assert TextContract.load(tmp_path) is None
    assert TextContract.load(tmp_path / "nowhere") is None


def test_settings_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / CONTRACT_FILE).write_text('{"max_length": 96, "colour": "red"}', encoding="utf-8")
    assert TextContract.load(tmp_path) == TextContract(max_length=96)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1, 2]",
        b'"embed"',
        b"null",
        b'{"max_length": "512"}',
        b'{"max_length": -1}',
        b'{"query_template": null}',
        b'{"metadata_mode": "some"}',
        b'{"retriever": "\xff"}',
    ],
)
def test_a_spoiled_contract_names_its_file_and_the_next_step(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CONTRACT_FILE).write_bytes(content)
    with pytest.raises(DataError) as raised:
        TextContract.load(tmp_path)
    assert raised.value.where == str(tmp_path / CONTRACT_FILE)
    assert "Restore the file, or tune again." in str(raised.value)
