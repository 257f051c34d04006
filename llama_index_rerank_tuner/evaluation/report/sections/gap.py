"""Where the scores stand: distributions, the gap case by case, the gain by question, the reliability curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index_rerank_tuner.evaluation.report.charts.scores import (
    distribution_chart,
    gains_chart,
    gap_chart,
    reliability_chart,
)
from llama_index_rerank_tuner.evaluation.report.content import Block, Paragraph, Plots, Section, Table
from llama_index_rerank_tuner.evaluation.report.figures import NOTHING, share, signed
from llama_index_rerank_tuner.evaluation.report.words import Words

OPEN_CASES = 10
TONES = {"improved": "better", "worse": "worse"}
Document = Mapping[str, Any]


def distributions(document: Document, say: Words) -> Section | None:
    """The spread of positives' and negatives' scores, before and after; None where nothing was scored."""
    explained = (
        "How the scores of positives and of all other candidates are spread. The less they overlap, the better they "
        "are told apart. AUC is how often a positive scores above another candidate of its question: 0.5 by chance."
    )
    charts = [distribution_chart(document, s) for s in ("before", "after") if document["distributions"][document[s]]]
    if not charts:
        return None
    return Section("distributions", say("Score distributions"), [Paragraph(explained), Plots("distributions", charts)])


def gap(document: Document, say: Words) -> Section:
    """The gap between each positive and its hardest negative, regressions first."""
    found, before, after = document["gap"], document["before"], document["after"]
    if not found["cases"]:
        reason = "No question has both a positive and a negative among the candidates of both contestants."
        return Section("gap", say("Gap, case by case"), [Paragraph(reason)])
    explained = (
        "The gap is the score of the best positive minus that of its hardest negative. A wrong order has no gap above "
        f"0; a risky one is small for that contestant. {before} and {after} each score on their own scale, so compare "
        "gaps by the standardised one. What got worse stands first."
    )
    return Section(
        "gap",
        say("Gap, case by case"),
        [
            Paragraph(explained),
            _totals(found["totals"], say),
            Plots("gap", [gap_chart(document, side, say) for side in ("before", "after")]),
            *_case_tables(found["cases"], say),
        ],
    )


def gains(document: Document, say: Words) -> Section:
    """What each question gained."""
    tally = document["comparisons"][document["before"]]["tally"]
    text = (
        f"{document['after']} ranks {tally['wins']} questions better than {document['before']}, {tally['losses']} "
        f"worse, and {tally['ties']} the same."
    )
    return Section("gains", say("Gain by question"), [Paragraph(text), Plots("gains", [gains_chart(document)])])


def reliability(document: Document, say: Words) -> Section | None:
    """Whether the probabilities can be believed; None where there are none."""
    bins = document["reliability"]
    if not bins or not any(each["count"] for each in bins):
        return None
    rows = [[share(each["predicted"]), share(each["observed"]), f"{each['count']:,}"] for each in bins if each["count"]]
    return Section(
        "reliability",
        say("Reliability"),
        [
            Paragraph("Whether passages are relevant as often as their probability says: on the dashed line they are."),
            Plots("reliability", [reliability_chart(document)]),
            Table(["mean probability", "share relevant", "passages"], rows, names=0),
        ],
    )


def _totals(totals: Mapping[str, Any], say: Words) -> Table:
    counts = "{improved}, {level}, {worse}".format(**totals)
    return Table(
        [say("figure"), say("before"), say("after")],
        [
            [say("AUC"), share(totals["auc_before"]), share(totals["auc_after"])],
            [say("standardised gap"), signed(totals["standardised_before"]), signed(totals["standardised_after"])],
            [say("cases"), "", f"{totals['cases']:,}"],
            [say("distractors above the positive"), f"{totals['above_before']:,}", f"{totals['above_after']:,}"],
            [say("distractors pushed down"), "", f"{totals['pushed_down']:,}"],
            [say("distractors pulled up"), "", f"{totals['pulled_up']:,}"],
            [say("improved, level, worse"), "", counts],
        ],
    )


def _case_tables(cases: Sequence[Mapping[str, Any]], say: Words) -> list[Block]:
    first, rest = cases[:OPEN_CASES], cases[OPEN_CASES:]
    tables: list[Block] = [_case_table(first, say)]
    if rest:
        tables.append(_case_table(rest, say, title=f"{say('All cases')} ({OPEN_CASES + 1}–{len(cases)})"))
    return tables


def _case_table(cases: Sequence[Mapping[str, Any]], say: Words, title: str = "") -> Table:
    sides = [
        f"{say(part)}, {say(side)}" for side in ("before", "after") for part in ("positive", "hardest negative", "gap")
    ]
    return Table(
        [say("question"), say("status"), say("change"), *sides],
        [_case_row(case, say) for case in cases],
        names=3,
        tones=[TONES.get(case["change"], "") for case in cases],
        folded=bool(title),
        title=title,
    )


def _case_row(case: Mapping[str, Any], say: Words) -> list[str]:
    status = f"{say(case['status_before'])} → {say(case['status_after'])}"
    figures = [*map(_score, case["before"]), _score(case["gap_before"]), *map(_score, case["after"])]
    return [case["query"], status, say(case["change"]), *figures, _score(case["gap_after"])]


def _score(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
