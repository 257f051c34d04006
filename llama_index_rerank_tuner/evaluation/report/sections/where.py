"""Where it is better and where not: slices of the questions, and noisy copies of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index_rerank_tuner.evaluation.report.charts.quality import slices_chart
from llama_index_rerank_tuner.evaluation.report.content import Paragraph, Plots, Section, Table
from llama_index_rerank_tuner.evaluation.report.figures import NOTHING, change, share, tone
from llama_index_rerank_tuner.evaluation.report.words import Words

Document = Mapping[str, Any]


def by_slice(document: Document, say: Words) -> Section:
    """The change in each slice of the questions, worst first."""
    found, metric = document["slices"], document["metric"]
    if not found:
        return Section("slices", say("Slices"), [Paragraph("No slice of the questions is large enough to compare.")])
    rows = [
        [each["by"], str(each["value"]), f"{each['questions']:,}", *map(share, (each["before"], each["after"])), moved]
        for each, moved in ((each, change(each["change"])) for each in found)
    ]
    worst = found[0]
    text = (
        f"{metric} by kind of question, worst change first. "
        f"{_worst(worst)} {worst['by']}: {worst['value']} ({change(worst['change'])}). With so many slices some fall "
        "by chance: an interval below 0 is a hint to look, not a proof."
    )
    return Section(
        "slices",
        say("Slices"),
        [
            Paragraph(text),
            Plots("slices", [slices_chart(document)]),
            Table(
                ["by", "slice", "questions", document["before"], document["after"], "change"],
                rows,
                names=2,
                tones=[tone(each["change"]) for each in found],
            ),
        ],
    )


def _worst(found: Mapping[str, Any]) -> str:
    return "What lost most is" if found["change"]["value"] < 0 else "No slice lost; what gained least is"


def noise(document: Document, say: Words) -> Section | None:
    """What noise costs each contestant; None where it was not measured."""
    found, metric = document["noise"], document["metric"]
    if not found:
        return None
    names = list(dict.fromkeys(each["contestant"] for each in found))
    by_noise: dict[tuple[str, str, float], dict[str, Mapping[str, Any]]] = {}
    for each in found:
        by_noise.setdefault((each["where"], each["kind"], each["rate"]), {})[each["contestant"]] = each
    rows = [
        [place, kind, f"{100 * rate:g} %", *(cell for name in names for cell in _noisy(of.get(name)))]
        for (place, kind, rate), of in by_noise.items()
    ]
    worst = max((each for each in found if each["contestant"] == names[-1]), key=lambda each: each["loss"]["value"])
    return Section(
        "robustness",
        say("Robustness"),
        [
            Paragraph(
                f"{metric} on noisy copies of the passages or the questions, and what it lost against clean text. "
                f"The largest loss of {worst['contestant']} is {share(worst['loss']['value'])}: {worst['kind']} at "
                f"{100 * worst['rate']:g} % of the characters of the {worst['where']}."
            ),
            Table(["noise in", "kind", "rate", *(c for name in names for c in (name, f"{name}: loss"))], rows, names=3),
        ],
    )


def _noisy(each: Mapping[str, Any] | None) -> tuple[str, str]:
    return (NOTHING, NOTHING) if each is None else (share(each["mean"]["value"]), change(each["loss"]))
