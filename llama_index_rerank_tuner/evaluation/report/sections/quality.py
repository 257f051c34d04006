"""How good each contestant is: scores, changes, and how much of the headroom it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index_rerank_tuner.evaluation.report.charts.quality import before_after_chart, contestants_chart
from llama_index_rerank_tuner.evaluation.report.content import Paragraph, Plots, Section, Table
from llama_index_rerank_tuner.evaluation.report.figures import (
    NOTHING,
    change,
    estimate,
    percent,
    probability,
    share,
    tone,
)
from llama_index_rerank_tuner.evaluation.report.words import Words

Document = Mapping[str, Any]


def scores(document: Document, say: Words) -> Section:
    """Every contestant's means with their intervals, and the ceiling."""
    metrics = document["metrics"]
    rows = [[name, *(estimate(each[m]["mean"]) for m in metrics)] for name, each in document["contestants"].items()]
    rows.append(["ceiling (candidates in ideal order)", *(share(document["ceiling"][metric]) for metric in metrics)])
    return Section(
        "scores",
        say("Scores"),
        [
            Paragraph("Means over all questions with 95 % intervals. Everyone ranked the same candidates."),
            Table(["contestant", *metrics], rows),
            Plots("contestants", [contestants_chart(document)]),
            Plots("before_after", [before_after_chart(document)]),
        ],
    )


def changes(document: Document, say: Words) -> Section:
    """Every contestant's change against the reference, and the judged one against each other contestant."""
    reference, metrics = document["reference"], document["metrics"]
    others = {name: each for name, each in document["contestants"].items() if name != reference}
    rows = [[name, *(_change(each[metric]) for metric in metrics)] for name, each in others.items()]
    duels = document["comparisons"]
    return Section(
        "change",
        say("Change"),
        [
            Paragraph(f"Against {reference}, with 95 % intervals; in percent n/a where {reference} scores 0."),
            Table(["contestant", *metrics], rows),
            Paragraph(
                f"{document['after']} against each other contestant by {document['metric']}: wins, ties and losses "
                "count questions; p is that of a sign-flip test over source documents, then corrected for the number "
                "of opponents (Holm)."
            ),
            Table(
                ["opponent", "difference", "percent", "wins", "ties", "losses", "p", "p corrected"],
                [[name, *_duel(each)] for name, each in duels.items()],
                tones=[tone(each["difference"]) for each in duels.values()],
            ),
        ],
    )


def room(document: Document, say: Words) -> Section:
    """The ceiling of the candidates and the share of it that each contestant reaches."""
    headroom = document["headroom"]
    means = {name: each[document["metric"]]["mean"]["value"] for name, each in document["contestants"].items()}
    rows = [[name, share(means[name]), _portion(each)] for name, each in headroom["shares"].items()]
    rows.append(["ceiling", share(headroom["ceiling"]), "100 %"])
    return Section(
        "headroom",
        say("Headroom"),
        [
            Paragraph(
                f"{headroom['advice']} The ceiling is what the best possible order of these candidates would score; "
                "relevant passages that retrieval missed keep it under 1."
            ),
            Table(["contestant", "mean", "share of the ceiling"], rows),
        ],
    )


def _portion(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.0f} %"


def _change(scored: Mapping[str, Any]) -> str:
    return f"{change(scored['change'])} ({percent(scored['percent'])})"


def _duel(each: Mapping[str, Any]) -> list[str]:
    counts = [str(each["tally"][name]) for name in ("wins", "ties", "losses")]
    return [
        change(each["difference"]),
        percent(each["percent"]),
        *counts,
        probability(each["p"]),
        probability(each["p_holm"]),
    ]
