"""The case browser of the page: it reads without the script, which only filters."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from llama_index_rerank_tuner.evaluation.report.content import CaseList
from llama_index_rerank_tuner.evaluation.report.figures import share, signed

SAME = 1e-9
FILTER = """\
<div class="find" hidden>
<input type="search" placeholder="Find in questions and passages" aria-label="Find in questions and passages">
<select aria-label="Status">
<option value="">all</option><option value="worse">worse</option>
<option value="same">same</option><option value="better">better</option>
</select>
<output aria-live="polite"></output>
</div>
"""


def case_list(block: CaseList) -> str:
    """Every case, folded, with what filters them."""
    return FILTER + "\n".join(_case(case, block) for case in block.cases)


def case_status(case: Mapping[str, Any]) -> str:
    """``better``, ``worse`` or ``same``, by the metric."""
    gain = case["after"]["score"] - case["before"]["score"]
    return "better" if gain > SAME else "worse" if gain < -SAME else "same"


def _case(case: Mapping[str, Any], block: CaseList) -> str:
    status = case_status(case)
    before, after = case["before"], case["after"]
    scores = f"{share(before['score'])} → {share(after['score'])} ({signed(after['score'] - before['score'])})"
    group = f'<p class="aside">source document: {escape(str(case["group"]))}</p>' if case["group"] else ""
    return (
        f'<details class="case" data-status="{status}"><summary><span class="pill {status}">{status}</span>'
        f"{escape(case['query'])} <b>{scores}</b></summary>{group}"
        f'<div class="sides">{_side(block.before, before, block.metric)}{_side(block.after, after, block.metric)}</div>'
        f"{_missed(after)}</details>"
    )


def _side(name: str, side: Mapping[str, Any], metric: str) -> str:
    passages = "".join(map(_passage, side["ranking"])) or "<li>nothing</li>"
    return f"<div><h3>{escape(name)}: {escape(metric)} {share(side['score'])}</h3><ol>{passages}</ol></div>"


def _passage(passage: Mapping[str, Any]) -> str:
    grade, score = passage["relevant"], passage["score"]
    mark = f'<span class="mark">relevant{f" ({grade})" if grade > 1 else ""}</span> ' if grade > 0 else ""
    kind = ' class="relevant"' if grade > 0 else ""
    shown = "n/a" if score is None else f"{score:.3f}"
    return f'<li{kind}><span class="score">{shown}</span>{mark}{escape(passage["text"] or passage["key"])}</li>'


def _missed(side: Mapping[str, Any]) -> str:
    missed = side.get("missed") or []
    if not missed:
        return ""
    texts = "".join(f"<li>{escape(each['text'])}</li>" for each in missed)
    return f'<p class="aside">Relevant passages that retrieval missed:</p><ul class="aside">{texts}</ul>'
