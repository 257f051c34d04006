"""Plots of scores: their distributions, the gap case by case, the gain by question, and the reliability curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index_rerank_tuner.evaluation.report.charts.chart import Axis, Bars, Box, Chart, Line, Point, Role, axis
from llama_index_rerank_tuner.evaluation.report.figures import share
from llama_index_rerank_tuner.evaluation.report.words import Words, words

MOST_CASES = 24
MOST_GAINS = 300
Document = Mapping[str, Any]


def distribution_chart(document: Document, side: str) -> Chart:
    """How one contestant's scores of positives and of negatives are spread; ``side`` is before or after."""
    name = document[side]
    spread = document["distributions"][name]
    sides: tuple[tuple[Role, str], ...] = (("negative", "negatives"), ("positive", "positives"))
    totals = {role: sum(spread[counted]) for role, counted in sides}
    shares = {role: [count / max(1, totals[role]) for count in spread[counted]] for role, counted in sides}
    bars = tuple(Bars(role, _histogram(spread["edges"], each)) for role, each in shares.items())
    outlines = tuple(Line(role, _outline(spread["edges"], each)) for role, each in shares.items())
    return Chart(
        name=f"distribution_{side}",
        title=f"{name}: AUC {share(document['gap']['totals'][f'auc_{side}'])}",
        x=axis(spread["edges"], "score, on its own scale"),
        y=axis([height for each in shares.values() for height in each], "share", zero=True),
        marks=(*bars, *outlines),
        legend=(
            ("positive", f"{totals['positive']:,} positives"),
            ("negative", f"{totals['negative']:,} negatives"),
        ),
    )


def gap_chart(document: Document, side: str, say: Words | None = None) -> Chart:
    """The positive and its hardest negative of each case as a pair of bars; at most 24 cases, evenly taken.

    Both sides show the same cases in the same order: the smallest gap afterwards first.
    """
    cases = document["gap"]["cases"]
    return pairs_chart(cases, document[side], side, say or words())


def pairs_chart(cases: Sequence[Mapping[str, Any]], name: str, side: str, say: Words) -> Chart:
    """The gap of cases, each with ``before`` and ``after`` as (positive, hardest negative)."""
    ordered = evenly(sorted(cases, key=lambda case: case["after"][0] - case["after"][1]), MOST_CASES)
    pairs = [case[side] for case in ordered]
    won = sum(case[side][0] > case[side][1] for case in cases)
    return Chart(
        name=f"gap_{side}",
        title=f"{name}: {say('the positive is above its hardest negative')}: {won}/{len(cases)}",
        x=Axis(-0.6, max(1, len(pairs)) - 0.4, (), f"{len(pairs)} {say('cases, smallest gap after first')}"),
        y=axis([score for pair in pairs for score in pair], say("score"), zero=True),
        marks=(
            Bars("positive", tuple(_upright(i - 0.4, i, positive) for i, (positive, _) in enumerate(pairs))),
            Bars("negative", tuple(_upright(i, i + 0.4, negative) for i, (_, negative) in enumerate(pairs))),
            Line("rule", ((-0.6, 0.0), (max(1, len(pairs)) - 0.4, 0.0))),
        ),
        legend=(("positive", say("positive")), ("negative", say("hardest negative"))),
    )


def gains_chart(document: Document) -> Chart:
    """What each question gained, most first; of more than 300 evenly taken ones."""
    gains = evenly(document["gains"], MOST_GAINS)
    heights = [_upright(i - 0.45, i + 0.45, gain) for i, gain in enumerate(gains)]
    return Chart(
        name="gains",
        title=f"{document['metric']} of {document['after']} minus {document['before']}, question by question",
        x=Axis(-1.0, max(1, len(gains)), (), "questions, most gain first"),
        y=axis(gains, "gain", zero=True),
        marks=(
            Bars("positive", tuple(box for box, gain in zip(heights, gains, strict=True) if gain > 0)),
            Bars("negative", tuple(box for box, gain in zip(heights, gains, strict=True) if gain < 0)),
            Line("rule", ((-1.0, 0.0), (max(1.0, float(len(gains))), 0.0))),
        ),
        legend=(("positive", "better"), ("negative", "worse")),
    )


def reliability_chart(document: Document) -> Chart:
    """How often passages were relevant that were given a probability; on the dashed line, as often as said."""
    bins = [each for each in document["reliability"] if each["count"]]
    tenths = Axis(-0.03, 1.03, tuple((n / 5, f"{n / 5:.1f}") for n in range(6)))
    return Chart(
        name="reliability",
        title=f"How often {document['after']} is right when it gives a probability",
        x=Axis(tenths.low, tenths.high, tenths.ticks, "probability it gives"),
        y=Axis(tenths.low, tenths.high, tenths.ticks, "share that is relevant"),
        marks=(
            Line("rule", ((0.0, 0.0), (1.0, 1.0)), dashed=True),
            Line("after", tuple((each["predicted"], each["observed"]) for each in bins), dots=True),
        ),
        legend=(("after", document["after"]), ("rule", "as often as it says")),
        height=300,
    )


def evenly(listed: Sequence[Any], most: int) -> list[Any]:
    """At most so many of a list, evenly taken, the first and the last among them.

    Example:
        >>> evenly(range(10), 4)
        [0, 3, 6, 9]
    """
    if len(listed) <= most:
        return list(listed)
    return [listed[round(i * (len(listed) - 1) / (most - 1))] for i in range(most)]


def _histogram(edges: Sequence[float], heights: Sequence[float]) -> tuple[Box, ...]:
    bins = zip(edges, edges[1:], heights, strict=False)
    return tuple((left, 0.0, right, height) for left, right, height in bins if height)


def _outline(edges: Sequence[float], heights: Sequence[float]) -> tuple[Point, ...]:
    """The steps of a histogram, from 0 to 0: two that overlap can be told apart by them."""
    bins = zip(edges, edges[1:], heights, strict=False)
    steps = (point for left, right, height in bins for point in ((left, height), (right, height)))
    return ((edges[0], 0.0), *steps, (edges[-1], 0.0))


def _upright(left: float, right: float, height: float) -> Box:
    """A bar from 0, downwards where the height is negative."""
    return left, min(0.0, height), right, max(0.0, height)
