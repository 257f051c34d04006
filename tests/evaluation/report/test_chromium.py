"""The page in a real browser: no errors, nothing asked for, the filter, dark mode, a phone and paper."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from llama_index_rerank_tuner.evaluation.report import report_html
from tests.evaluation.report.chromium import Chromium, chromium_path
from tests.evaluation.report.small import HOSTILE_TEXT, small_document

SHOWN = "[...document.querySelectorAll('details.case')].filter(e => !e.hidden).length"
TEXTS = (
    "p",
    "h1",
    "h2",
    "td",
    "th",
    "figcaption",
    "summary",
    "nav a",
    ".said",
    ".key span",
    ".pill",
    ".score",
    ".mark",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = chromium_path()
    if program is None:
        if os.environ.get("REQUIRE_CHROMIUM") == "1":
            pytest.fail("REQUIRE_CHROMIUM=1, and there is no chromium: apt-get install chromium")
        pytest.skip("chromium is not on this machine")
    with Chromium(program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report_html(small_document()), encoding="utf-8")
    return path


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_opens_without_errors_and_asks_for_nothing(browser: Chromium, tmp_path: Path, language: str) -> None:
    page = tmp_path / "report.html"
    page.write_text(report_html(small_document(), language), encoding="utf-8")
    browser.open(page)
    assert browser.evaluate("document.querySelectorAll('svg').length") == 10
    assert browser.evaluate("window.hurt === undefined")
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]


def test_its_policy_stops_what_would_get_past_the_escaping(browser: Chromium, page: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.html"
    spoilt.write_text(
        page.read_text("utf-8").replace("</main>", f"<p>{HOSTILE_TEXT}<script>hurt = 1</script></p></main>")
    )
    browser.open(spoilt)
    assert browser.evaluate("window.hurt === undefined")
    assert browser.complaints() != []


def test_cases_are_found_by_text_and_by_status(browser: Chromium, page: Path) -> None:
    browser.open(page)
    count = "document.querySelector('.find output').textContent"
    assert (browser.evaluate(SHOWN), browser.evaluate(count)) == (6, "6 of 6")
    browser.evaluate(
        "const f = document.querySelector('.find input'); f.value = ' WHO pays'; f.dispatchEvent(new Event('input'))"
    )
    assert (browser.evaluate(SHOWN), browser.evaluate(count)) == (1, "1 of 6")
    browser.evaluate("f.value = ''; f.dispatchEvent(new Event('input'))")
    browser.evaluate(
        "const s = document.querySelector('.find select'); s.value = 'worse'; s.dispatchEvent(new Event('change'))"
    )
    assert (browser.evaluate(SHOWN), browser.evaluate(count)) == (1, "1 of 6")
    browser.evaluate("f.value = 'who pays'; f.dispatchEvent(new Event('input'))")
    assert browser.evaluate(SHOWN) == 0


@pytest.mark.parametrize("width", [320, 390, 768, 1400, 2560])
def test_the_page_never_scrolls_sideways(browser: Chromium, page: Path, width: int) -> None:
    browser.open(page, width)
    browser.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_background(browser: Chromium, page: Path, scheme: str) -> None:
    browser.open(page, scheme=scheme)
    paper = _luminance(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (paper < 0.05) == (scheme == "dark")
    for selector in TEXTS:
        ink, back = browser.evaluate(
            f"""(() => {{
                let e = document.querySelector({selector!r}), ink = getComputedStyle(e).color;
                while (e && getComputedStyle(e).backgroundColor === 'rgba(0, 0, 0, 0)') e = e.parentElement;
                return [ink, getComputedStyle(e || document.body).backgroundColor];
            }})()"""
        )
        assert _contrast(ink, back) >= 4.5, (selector, ink, back)


def test_on_paper_it_is_black_on_white_without_what_one_clicks(browser: Chromium, page: Path) -> None:
    browser.open(page, 800, "dark", "print")
    assert _luminance(browser.evaluate("getComputedStyle(document.body).backgroundColor")) == 1
    assert _luminance(browser.evaluate("getComputedStyle(document.querySelector('td')).color")) < 0.05
    for gone in ("nav", ".find", "details"):
        assert browser.evaluate(f"getComputedStyle(document.querySelector('{gone}')).display") == "none"


def _contrast(ink: str, back: str) -> float:
    """The contrast ratio of WCAG 2.2: at least 4.5 for text."""
    light, dark = sorted((_luminance(ink), _luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(each) / 255 for each in re.findall(r"\d+", colour)[:3]]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
