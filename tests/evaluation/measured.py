"""Small results of a benchmark, written out by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llama_index_rerank_tuner.evaluation import BenchmarkResult
from llama_index_rerank_tuner.evaluation.replay import Ranking
from llama_index_rerank_tuner.records import Passage, RerankExample


def ranked(rankings: Mapping[str, Mapping[str, Ranking]], **qrels: dict[str, int]) -> BenchmarkResult:
    """Contestant to question to ranking; where nothing else is said, passage ``p`` is the only relevant one."""
    first = next(iter(rankings))
    queries = list(rankings[first])
    return BenchmarkResult(
        scores={name: {"nDCG@10": dict.fromkeys(queries, 0.0)} for name in rankings},
        rankings=rankings,
        qrels={query: qrels.get(query, {"p": 1}) for query in queries},
        queries={query: f"question {query}" for query in queries},
        groups={query: query for query in queries},
        without_candidates=0,
        ceiling={"nDCG@10": 1.0},
        reference=first,
    )


def scored(examples: Iterable[RerankExample], before: Iterable[float], after: Iterable[float]) -> BenchmarkResult:
    """The nDCG@10 that ``base`` and ``tuned`` reach on questions, both of which leave the candidates as they are."""
    asked = {example.query_id: example for example in examples}
    candidates = {
        id_: [(p.key, -float(place)) for place, p in enumerate(e.candidates or ())] for id_, e in asked.items()
    }
    return BenchmarkResult(
        scores={
            name: {"nDCG@10": dict(zip(asked, values, strict=True))}
            for name, values in (("base", before), ("tuned", after))
        },
        rankings={"base": candidates, "tuned": candidates},
        qrels={id_: example.qrels for id_, example in asked.items()},
        queries={id_: example.query for id_, example in asked.items()},
        groups={id_: example.group or f"query:{id_}" for id_, example in asked.items()},
        without_candidates=0,
        ceiling={"nDCG@10": 1.0},
        reference="base",
        samples=200,
        examples=asked,
    )


def question(query_id: str, query: str = "What is it?", *positives: str, **fields: Any) -> RerankExample:
    """A question; its positives are texts."""
    relevant = tuple(Passage(text, label=1.0) for text in positives or ("An answer.",))
    return RerankExample(query_id, query, **({"positives": relevant} | fields))
