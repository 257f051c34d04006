"""Plots of quality: the contestants, before and after by metric, quality against time, and the slices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index_rerank_tuner.evaluation.report.charts.chart import (
    SERIES,
    Axis,
    Bars,
    Chart,
    Dots,
    Line,
    Mark,
    Notes,
    Role,
    Whiskers,
    axis,
    rows_axis,
)
from llama_index_rerank_tuner.evaluation.report.figures import bounded, share, signed

MOST_METRICS = 6
MOST_SLICES = 12
Document = Mapping[str, Any]


def contestants_chart(document: Document) -> Chart:
    """Every contestant's mean with its interval, and the ceiling of the candidates."""
    metric, ceiling = document["metric"], document["ceiling"][document["metric"]]
    means = {name: scores[metric]["mean"] for name, scores in document["contestants"].items()}
    rows = [(len(means) - 1 - i, name, mean) for i, (name, mean) in enumerate(means.items())]
    marks: list[Mark] = [Line("rule", ((ceiling, -0.5), (ceiling, len(means) - 0.5)), dashed=True)]
    for row, name, mean in rows:
        role: Role = "after" if name == document["after"] else "before"
        if bounded(mean):
            marks.append(Whiskers(role, ((mean["low"], row, mean["high"], row),)))
        marks.append(Dots(role, ((mean["value"], row),)))
    marks.append(Notes(tuple((mean["value"], row + 0.04, share(mean["value"])) for row, _, mean in rows)))
    values = [each for mean in means.values() for each in mean.values() if each is not None]
    return Chart(
        name="contestants",
        title=f"{metric} of each contestant, with 95 % intervals",
        x=axis([*values, ceiling], f"{metric} over {document['questions']} questions"),
        y=rows_axis(means),
        marks=tuple(marks),
        legend=(("after", document["after"]), ("rule", "ceiling: these candidates in ideal order")),
        height=96 + 34 * len(means),
    )


def before_after_chart(document: Document) -> Chart:
    """Before and after, metric by metric, with their intervals."""
    metrics = [document["metric"], *(each for each in document["metrics"] if each != document["metric"])][:MOST_METRICS]
    marks: list[Mark] = []
    values = []
    sides: tuple[tuple[Role, str, float], ...] = (
        ("before", document["before"], -0.38),
        ("after", document["after"], 0),
    )
    for role, name, offset in sides:
        means = [document["contestants"][name][metric]["mean"] for metric in metrics]
        marks.append(Bars(role, tuple((i + offset, 0.0, i + offset + 0.38, m["value"]) for i, m in enumerate(means))))
        middles = [(i + offset + 0.19, m) for i, m in enumerate(means) if bounded(m)]
        marks.append(Whiskers("rule", tuple((x, m["low"], x, m["high"]) for x, m in middles)))
        values += [each for m in means for each in m.values() if each is not None]
    return Chart(
        name="before_after",
        title=f"{document['before']} and {document['after']} by metric, with 95 % intervals",
        x=Axis(-0.6, len(metrics) - 0.4, tuple((float(i), metric) for i, metric in enumerate(metrics))),
        y=axis(values, zero=True),
        marks=tuple(marks),
        legend=(("before", document["before"]), ("after", document["after"])),
        height=250,
    )


def depth_chart(document: Document) -> Chart:
    """Quality against the time a question takes, one line a contestant, one point a depth."""
    rows = document["depth"]["rows"]
    names = list(dict.fromkeys(row["contestant"] for row in rows))
    colours: dict[str, Role] = {name: SERIES[i % len(SERIES)] for i, name in enumerate(names)}
    marks: list[Mark] = []
    for name in names:
        own = [row for row in rows if row["contestant"] == name]
        points = tuple((1000 * row["p50"], row["mean"]["value"]) for row in own)
        marks.append(Line(colours[name], points, dots=True))
        if own[-1]["p50"] > 0:
            marks.append(Notes(tuple((*at, str(row["depth"])) for at, row in zip(points, own, strict=True))))
    return Chart(
        name="depth",
        title=f"{document['metric']} against time; the figure at a point is its depth",
        x=axis([1000 * row["p50"] for row in rows], "median milliseconds a question", zero=True),
        y=axis([row["mean"]["value"] for row in rows], document["metric"]),
        marks=tuple(marks),
        legend=tuple((colours[name], name) for name in names),
        height=280,
    )


def slices_chart(document: Document) -> Chart:
    """The change in the worst slices, with intervals."""
    shown = document["slices"][:MOST_SLICES]
    rows = [(len(shown) - 1 - i, each["change"]) for i, each in enumerate(shown)]
    spans = tuple((e["low"], row, e["high"], row) for row, e in rows if bounded(e))
    ends = [0.0, *(each for _, e in rows for each in e.values() if each is not None)]
    return Chart(
        name="slices",
        title=f"Change of {document['metric']} in the worst slices, with 95 % intervals",
        x=axis(ends, f"{document['metric']}: {document['after']} minus {document['before']}"),
        y=rows_axis(f"{each['by']}: {each['value']}" for each in shown),
        marks=(
            Line("rule", ((0.0, -0.5), (0.0, len(shown) - 0.5))),
            Whiskers("after", spans),
            Dots("after", tuple((e["value"], row) for row, e in rows)),
            Notes(tuple((e["value"], row + 0.04, signed(e["value"])) for row, e in rows)),
        ),
        height=80 + 30 * len(shown),
    )
