"""Plots: their axes and marks, and the SVG and PNG made of them."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import MissingExtraError
from llama_index_rerank_tuner.evaluation.report.charts import quality, scores
from llama_index_rerank_tuner.evaluation.report.charts.chart import Axis, Bars, Chart, Dots, Line, Notes, Whiskers, axis
from llama_index_rerank_tuner.evaluation.report.charts.png import language_in_pictures, png
from llama_index_rerank_tuner.evaluation.report.charts.svg import svg
from tests.evaluation.report.small import BASE, small_document

SQUARE = Axis(0.0, 1.0, ((0.0, "0"), (1.0, "1")))
finite = st.floats(-1e6, 1e6)


@given(st.lists(finite), st.booleans())
def test_an_axis_holds_its_values_and_a_few_rising_ticks(values: list[float], zero: bool) -> None:
    found = axis(values, zero=zero)
    inside = [*values, *([0.0] if zero else [])]
    assert found.low < found.high
    assert all(found.low <= value <= found.high for value in inside)
    places = [place for place, _ in found.ticks]
    assert 1 <= len(places) <= 8
    assert places == sorted(places)
    assert len({text for _, text in found.ticks}) == len(places)


def test_ticks_are_round() -> None:
    assert [text for _, text in axis([0, 100], zero=True).ticks] == ["0", "50", "100"]
    assert [text for _, text in axis([-0.02, 0.02]).ticks] == ["-0.02", "-0.01", "0.00", "0.01", "0.02"]


def test_svg_places_marks_by_their_values() -> None:
    chart = Chart("square", "A <title>", SQUARE, SQUARE, (Dots("after", ((0.0, 0.0), (1.0, 1.0))),), height=200)
    drawn = ElementTree.fromstring(svg(chart))
    low, high = [(float(each.attrib["cx"]), float(each.attrib["cy"])) for each in drawn.iter("circle")]
    ticks = {each.text: each.attrib for each in drawn.iter("text")}
    assert low[0] == float(ticks["0"]["x"]) or low[0] < high[0]
    assert high[0] == 440 - 18
    assert high[1] == 14
    assert low[1] == 200 - 30
    assert drawn.attrib["aria-label"] == "A <title>"


def test_every_kind_of_mark_is_drawn_and_text_is_escaped() -> None:
    marks = (
        Bars("positive", ((0.0, 0.0, 0.5, 1.0),)),
        Whiskers("rule", ((0.0, 0.5, 1.0, 0.5),)),
        Line("after", ((0.0, 0.0), (1.0, 1.0)), dashed=True, dots=True),
        Notes(((0.5, 0.5, "<b>&"),)),
    )
    text = svg(Chart("all", "all", SQUARE, SQUARE, marks))
    drawn = ElementTree.fromstring(text)
    assert [each.tag for each in drawn if each.get("class", "").startswith(("bar", "whisker", "line", "dot"))] == [
        "rect", "line", "polyline", "circle", "circle",
    ]  # fmt: skip
    assert "&lt;b&gt;&amp;" in text


def test_the_charts_of_a_report_are_drawn_by_both(tmp_path: Path) -> None:
    document = small_document()
    charts = [
        quality.contestants_chart(document),
        quality.before_after_chart(document),
        quality.depth_chart(document),
        scores.distribution_chart(document, "before"),
        scores.gap_chart(document, "after"),
        scores.gains_chart(document),
        scores.reliability_chart(document),
    ]
    for chart in charts:
        ElementTree.fromstring(svg(chart))
    png(charts, tmp_path / "all.png")
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")


def test_the_gap_shows_both_scores_of_each_case_as_bars_smallest_gap_first() -> None:
    positive, negative, _ = scores.gap_chart(small_document(), "after").marks
    assert isinstance(positive, Bars)
    assert isinstance(negative, Bars)
    assert [box[3] for box in positive.boxes] == [2.0, 7.0, 7.0, 7.0, 7.0, 7.0]
    assert [(box[1], box[3]) for box in negative.boxes] == [(0.0, 4.0)] + [(-1.0, 0.0)] * 5


def test_a_gain_is_a_bar_up_and_a_loss_a_bar_down() -> None:
    gains = {"gains": [0.5, 0.0, -0.25], "metric": "nDCG@10", "after": "tuned", "before": BASE}
    better, worse, _ = scores.gains_chart(gains).marks
    assert isinstance(better, Bars)
    assert isinstance(worse, Bars)
    assert [box[1:] for box in better.boxes] == [(0.0, 0.45, 0.5)]
    assert [(box[1], box[3]) for box in worse.boxes] == [(-0.25, 0.0)]


@given(st.integers(0, 1000), st.integers(2, 50))
def test_evenly_keeps_the_ends_and_the_order(count: int, most: int) -> None:
    found = scores.evenly(range(count), most)
    assert len(found) == min(count, most)
    assert found == sorted(set(found))
    assert not count or (found[0], found[-1]) == (0, count - 1)


def test_without_a_chinese_font_pictures_are_in_english(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fonts = "llama_index_rerank_tuner.evaluation.report.charts.png._fonts"
    monkeypatch.setattr(fonts, lambda: ("DejaVu Sans", "SimHei"))
    assert language_in_pictures("zh") == "zh"
    monkeypatch.setattr(fonts, lambda: ("DejaVu Sans",))
    assert (language_in_pictures("en"), caplog.text) == ("en", "")
    assert language_in_pictures("zh") == "en"
    assert "no font with Chinese characters is installed" in caplog.text


def test_without_matplotlib_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"llama-index-rerank-tuner\[plot\]"):
        png([Chart("empty", "empty", SQUARE, SQUARE, ())], tmp_path / "empty.png")
