"""Scoring rankings query by query with ir-measures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from llama_index_rerank_tuner.errors import ConfigError

DEFAULT_METRICS = ("nDCG@10", "MRR@10", "Hit@1", "Hit@3", "Hit@5", "Recall@10")


class _Measure(NamedTuple):
    """What ir-measures calls a metric, and whether it needs a cutoff."""

    name: str
    needs_cutoff: bool


_MEASURES = {
    "nDCG": _Measure("nDCG", needs_cutoff=False),
    "MRR": _Measure("RR", needs_cutoff=False),
    "Hit": _Measure("Success", needs_cutoff=True),
    "Recall": _Measure("R", needs_cutoff=True),
    "P": _Measure("P", needs_cutoff=True),
    "MAP": _Measure("AP", needs_cutoff=False),
    "Judged": _Measure("Judged", needs_cutoff=True),
}
_NAME = re.compile(rf"({'|'.join(_MEASURES)})(?:@([1-9]\d*))?")


def parse_metric(name: str) -> Any:
    """The ir-measures measure behind a metric's name.

    ``nDCG`` and ``nDCG@k`` (the grade is the gain), ``MRR`` and ``MRR@k``, ``Hit@k`` (a relevant passage among the
    first ``k``), ``Recall@k``, ``P@k`` (of ``k`` places, however many were filled), ``MAP`` and ``MAP@k`` (over all
    relevant passages, also where they are more than ``k``), and ``Judged@k`` (the share of the first ``k`` passages
    that have a label, whatever it says: how far the other figures can be trusted).

    Raises:
        ConfigError: There is no such metric.

    Example:
        >>> parse_metric("Hit@3")
        Success@3
    """
    import ir_measures

    match = _NAME.fullmatch(name)
    measure = _MEASURES[match[1]] if match else None
    if match is None or measure is None or (measure.needs_cutoff and match[2] is None):
        raise ConfigError(f"No metric is called {name!r}. Choose from {_known_names()}.")
    found = getattr(ir_measures, measure.name)
    return found if match[2] is None else found @ int(match[2])


def score_rankings(
    qrels: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]], metrics: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Score one ranking a query.

    The rank is fed as the score, so that trec_eval's own tie-breaking never decides; a passage that stands twice
    counts where it stands first. A query without a ranking, or with an empty one, scores 0.

    Args:
        qrels: Query id to passage id to grade (0 not relevant).
        rankings: Query id to passage ids, best first.
        metrics: Names for ``parse_metric``.

    Returns:
        Metric to query id to value, every query of ``qrels`` in it.

    Example:
        >>> score_rankings({"q": {"a": 1}}, {"q": ["b", "a"]}, ["MRR", "Hit@1"])
        {'MRR': {'q': 0.5}, 'Hit@1': {'q': 0.0}}
    """
    import ir_measures

    measures = {parse_metric(name): name for name in metrics}
    scores: dict[str, dict[str, float]] = {name: dict.fromkeys(qrels, 0.0) for name in metrics}
    run = {query_id: _by_rank(rankings[query_id]) for query_id in qrels if rankings.get(query_id)}
    if run:
        judged = {query_id: dict(qrels[query_id]) for query_id in run}
        for each in ir_measures.iter_calc(list(measures), judged, run):
            scores[measures[each.measure]][each.query_id] = float(each.value)
    return scores


def _by_rank(ranking: Sequence[str]) -> dict[str, float]:
    return {passage: float(-rank) for rank, passage in enumerate(dict.fromkeys(ranking), start=1)}


def _known_names() -> str:
    forms = [
        form for name, measure in _MEASURES.items() for form in ([] if measure.needs_cutoff else [name]) + [f"{name}@k"]
    ]
    return f"{', '.join(forms[:-1])} and {forms[-1]}"
