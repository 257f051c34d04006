"""The verdict, in one plain sentence, and the few figures behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index_rerank_tuner.evaluation.report.content import Block, KeyFigures, Paragraph, Section, Table
from llama_index_rerank_tuner.evaluation.report.figures import change, interval_words, percent, share, signed
from llama_index_rerank_tuner.evaluation.report.words import Words

TONES = {"better": "better", "worse": "worse", "no evidence": "none"}
_ROW_TONES = {"better": "better", "worse": "worse"}
Document = Mapping[str, Any]


def verdict(document: Document, say: Words) -> Section:
    """The verdict in one sentence, its differences, and key figures."""
    judged = document["verdict"]
    blocks: list[Block] = [
        Paragraph(verdict_sentence(document), TONES[judged["outcome"]]),
        Paragraph(_differences(judged)),
        KeyFigures(_key_figures(document)),
        *_by_metric(document),
    ]
    if document["without_candidates"]:
        count = document["without_candidates"]
        blocks.append(Paragraph(f"Retrieval returned nothing for {count} questions; they score 0 for everyone."))
    return Section("verdict", say("Verdict"), blocks)


def _by_metric(document: Document) -> list[Block]:
    """The same rule, metric by metric."""
    judged = document["verdict"]
    if not document["verdicts"]:
        return []
    by_metric = {judged["metric"]: judged} | document["verdicts"]
    rows = [
        [metric, each["outcome"], *(change(difference) for difference in each["differences"].values())]
        for metric, each in by_metric.items()
    ]
    text = (
        f"Judged by each metric. The verdict is the one on {judged['metric']}: with several, one may differ by chance."
    )
    columns = ["metric", "verdict", *(f"against {name}" for name in judged["differences"])]
    tones = [_ROW_TONES.get(each["outcome"], "") for each in by_metric.values()]
    return [Paragraph(text), Table(columns, rows, names=2, tones=tones)]


def verdict_sentence(document: Document) -> str:
    """The verdict as one says it to a colleague."""
    judged = document["verdict"]
    name, metric = judged["contestant"], judged["metric"]
    over = _test_set(document)
    if judged["outcome"] == "better":
        return f"{name} is better: on {over} its {metric} is significantly above {_and(judged['differences'])}."
    if judged["outcome"] == "worse":
        below = [each for each, d in judged["differences"].items() if d["high"] is not None and d["high"] < 0]
        return f"{name} is worse: on {over} its {metric} is significantly below {_and(below or judged['differences'])}."
    if judged["too_small"]:
        return f"The test set is too small to tell whether {name} is better: it has {over}."
    return f"There is no evidence that {name} is better or worse: {over}, by {metric}."


def _test_set(document: Document) -> str:
    """How large it is; its source documents where several questions share one."""
    asked = f"{document['questions']:,} questions"
    shared = document["groups"] < document["questions"]
    return f"{asked} from {document['groups']:,} source documents" if shared else asked


def _differences(judged: Mapping[str, Any]) -> str:
    parts = [
        f"{signed(each['value'])} against {name} ({interval_words(each)})"
        for name, each in judged["differences"].items()
    ]
    text = f"{judged['metric']} of {judged['contestant']}: {'; '.join(parts)}."
    smallest = judged["smallest_detectable"]
    if smallest is None:
        return text
    return f"{text} This test set finds a true difference of {share(smallest)} or more in four of five cases."


def _key_figures(document: Document) -> list[tuple[str, str, str]]:
    metric, after = document["metric"], document["after"]
    own = document["contestants"][after][metric]["mean"]["value"]
    figures = [(f"{metric} of {after}", share(own), "")]
    for name in dict.fromkeys((document["before"], document["reference"])):
        if name == after:
            continue
        each = document["comparisons"][name]
        tally = each["tally"]
        remark = f"{tally['wins']} wins, {tally['ties']} ties, {tally['losses']} losses"
        figures.append(
            (f"against {name}", f"{signed(each['difference']['value'])} ({percent(each['percent'])})", remark)
        )
    reached = document["headroom"]["shares"].get(after)
    if reached is not None:
        figures.append(
            ("of the ceiling", f"{100 * reached:.0f} %", f"the ceiling is {share(document['headroom']['ceiling'])}")
        )
    return figures


def _and(names: Any) -> str:
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"
