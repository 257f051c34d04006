"""The report's files: which there are, what they say, and that data stays data."""

from __future__ import annotations

import logging
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.evaluation.report import load_document, report_html, report_markdown, write_report
from llama_index_rerank_tuner.evaluation.report.html_cases import case_status
from llama_index_rerank_tuner.evaluation.report.sections import report_sections
from llama_index_rerank_tuner.evaluation.report.sections.verdict import verdict_sentence
from tests.evaluation.report.small import BASE, HOSTILE_QUERY, HOSTILE_TEXT, QUERIES, small_document, small_result

FULL = small_document()
PICTURES = ["contestants", "before_after", "depth", "distributions", "gap", "gains", "reliability", "slices"]
VOID = {"meta", "input", "rect", "line", "polyline", "circle"}


class Page(HTMLParser):
    """Collects a page's elements and text, and checks that every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_files_are_written_and_the_json_reads_back(tmp_path: Path) -> None:
    document = small_document()
    paths = write_report(document, tmp_path / "new" / "folder")
    names = ["report.json", "report.md", "report.html", *(f"{name}.png" for name in PICTURES)]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(names)
    assert load_document(paths[0]) == document
    for name in PICTURES:
        assert f"]({name}.png)" in paths[1].read_text(encoding="utf-8")


def test_without_matplotlib_all_but_the_pictures_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with caplog.at_level(logging.WARNING):
        paths = write_report(small_document(), tmp_path)
    assert [path.name for path in paths] == ["report.json", "report.md", "report.html"]
    assert "pip install 'llama-index-rerank-tuner[plot]'" in caplog.text
    assert "![" not in paths[1].read_text(encoding="utf-8")
    assert paths[2].read_text(encoding="utf-8").count("<svg") == 10


def test_nothing_is_written_of_what_is_no_report_or_no_language(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a benchmark report"):
        write_report({}, tmp_path / "report")
    with pytest.raises(ConfigError, match="language is one of en, zh, got 'fr'"):
        write_report(small_document(), tmp_path / "report", "fr")
    assert not (tmp_path / "report").exists()


def test_the_page_shows_data_as_text_and_runs_none_of_it() -> None:
    page = Page(report_html(small_document()))
    assert page.open == []
    assert HOSTILE_QUERY in page.text
    assert HOSTILE_TEXT in page.text
    assert BASE in page.text
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert not {"img", "iframe", "link", "textarea"} & {tag for tag, _ in page.elements}
    assert not [name for _, given in page.elements for name in given if name.startswith("on")]


@given(st.text(), st.text(min_size=1))
@settings(max_examples=30, deadline=None)
def test_any_text_stands_on_the_page_as_it_is(title: str, name: str) -> None:
    document = FULL | {"title": title, "before": name, "cases": [], "gap": FULL["gap"] | {"cases": []}}
    document |= {side: _renamed(FULL[side], name) for side in ("contestants", "comparisons", "distributions")}
    document["headroom"] = FULL["headroom"] | {"shares": _renamed(FULL["headroom"]["shares"], name)}
    page = Page(report_html(document))
    assert page.open == []
    assert page.text.count(title) >= 2
    assert name in page.text
    assert [tag for tag, _ in page.elements].count("script") == 1


def _renamed(of_contestants: dict[str, Any], name: str) -> dict[str, Any]:
    return {name if each == BASE else each: value for each, value in of_contestants.items()}


def test_the_page_names_no_other_file_and_allows_none() -> None:
    html = report_html(small_document(small_result(QUERIES[:5])))
    page = Page(html)
    assert not [value for _, given in page.elements for name, value in given.items() if name in ("src", "srcset")]
    links = [given["href"] for _, given in page.elements if "href" in given]
    anchors = {f"#{given['id']}" for tag, given in page.elements if tag == "section"}
    assert set(links) == anchors
    [policy] = [str(given["content"]) for _, given in page.elements if "http-equiv" in given]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_every_section_stands_on_the_page_in_its_order() -> None:
    html = report_html(small_document())
    assert re.findall(r'<section id="(\w+)">', html) == [
        "verdict", "scores", "change", "headroom", "depth", "distributions", "gap", "gains", "reliability", "slices",
        "robustness", "cost", "cases", "method",
    ]  # fmt: skip


def test_what_was_not_measured_has_no_section() -> None:
    document = small_document(depth=None, noise=None, reliability=None, costs=None)
    left_out = {"depth", "robustness", "reliability", "cost"}
    assert not left_out & {section.name for section in report_sections(document)}


def test_in_chinese_headings_and_the_gap_are_translated() -> None:
    html = report_html(small_document(), "zh")
    assert '<html lang="zh-Hans">' in html
    for said in ("<h2>结论</h2>", "<h2>逐例分差</h2>", "顺序错误 → 正常", "最难负例", "变差"):
        assert said in html
    assert "顺序错误" in report_markdown(small_document(), "zh")


def test_markdown_keeps_tables_whole_whatever_the_data_holds() -> None:
    text = report_markdown(small_document())
    rows = [line for line in text.splitlines() if "window.hurt" in line and line.startswith("|")]
    assert rows
    for row in rows:
        assert r"\<script\>window.hurt = 1\</script\> a\|b \`c\` \*d\* 税 \& \</textarea\>" in row
        assert len(re.findall(r"(?<!\\)\|", row)) == 10
    assert text.startswith(r"# Fees \<b\>2026\</b\>")


def test_markdown_says_the_figures() -> None:
    text = report_markdown(small_document())
    assert "similarity_top_k=10, top_n=3: tuned needs ten" in text
    assert "The largest loss of tuned is 0.210: ocr at 5 % of the characters of the passages." in text
    assert re.search(r"\| tuned +\| +12 \| +30 \| +1,234 \| +12\.5 % \| +512 \|", text)
    assert re.search(r"\| passages \| ocr  \| 5 %  \| 0\.700 \| \+0\.210 \[\+0\.100, \+0\.300\] \|", text)
    assert "(n/a)" in text
    assert re.search(r"\| Hit@1 +\| no evidence \| \+0\.833 \[", text)


def _judged(groups: int = 6, **changed: Any) -> str:
    document = small_document()
    return verdict_sentence(document | {"groups": groups, "verdict": document["verdict"] | changed})


def test_the_verdict_is_one_plain_sentence() -> None:
    over = "6 questions"
    assert _judged(outcome="better") == (
        f"tuned is better: on {over} its nDCG@10 is significantly above retriever and {BASE}."
    )
    assert " on 6 questions from 2 source documents its " in _judged(2, outcome="better")
    below = {"retriever": {"value": 0.1, "low": 0.0, "high": 0.2}, BASE: {"value": -0.1, "low": -0.2, "high": -0.05}}
    assert _judged(outcome="worse", differences=below) == (
        f"tuned is worse: on {over} its nDCG@10 is significantly below {BASE}."
    )
    assert _judged(outcome="no evidence", too_small=True) == (
        f"The test set is too small to tell whether tuned is better: it has {over}."
    )
    assert _judged(outcome="no evidence", too_small=False) == (
        f"There is no evidence that tuned is better or worse: {over}, by nDCG@10."
    )


def test_a_case_is_better_or_worse_by_the_metric() -> None:
    cases = small_document()["cases"]
    assert [case_status(case) for case in cases] == ["worse", *["better"] * 5]
    level = {"before": {"score": 0.3}, "after": {"score": 0.1 + 0.2}}
    assert case_status(level) == "same"
