"""What is served under each verdict, chosen on validation figures given here; no model is loaded."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from llama_index_rerank_tuner import FinetunedRerank
from llama_index_rerank_tuner.errors import RerankTunerWarning
from llama_index_rerank_tuner.evaluation import BenchmarkResult, Estimate, Verdict
from llama_index_rerank_tuner.evaluation.headroom import headroom
from llama_index_rerank_tuner.pipeline.serving import Serving, choose_serving, reranker_to_serve
from llama_index_rerank_tuner.pipeline.telling import served_in_words, warn_if_not_better, what_to_try
from llama_index_rerank_tuner.reranking import RankMix
from llama_index_rerank_tuner.text import TextContract

ALARM = {"name": "flipped labels", "step": 9, "message": "Training goes the wrong way.", "advice": "Check the labels."}


class Stub:
    name = "stub"

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> Any:
        return np.zeros(len(pairs))


def reranker(mix: RankMix | None) -> FinetunedRerank:
    return FinetunedRerank("stub", mix=mix, scorer=Stub())


def fitted(retriever: float, alone: float, mixed: float, weight: float = 0.5) -> RankMix:
    evidence = {"nDCG@10 retriever": retriever, "nDCG@10 reranker alone": alone, "nDCG@10 mixed, out of fold": mixed}
    return RankMix(weight, evidence=evidence)


def contestants(base: RankMix | None, tuned: RankMix) -> dict[str, FinetunedRerank]:
    found = {"tuned": reranker(None), "tuned + mix": reranker(tuned)}
    return found if base is None else {"base": reranker(None), "base + mix": reranker(base), **found}


def verdict(outcome: Any, **more: Any) -> Verdict:
    differences = {"retriever": Estimate(0.01, -0.02, 0.04), "base": Estimate(0.03, -0.01, 0.07)}
    return Verdict(outcome, "tuned + mix", "nDCG@10", differences, **more)


def benchmark(ceiling: float) -> BenchmarkResult:
    questions = "abcdef"
    values = {"nDCG@10": dict.fromkeys(questions, 0.5)}
    return BenchmarkResult(
        scores={"retriever": values},
        rankings={"retriever": {}},
        qrels={},
        queries=dict.fromkeys(questions, "?"),
        groups={question: question for question in questions},
        without_candidates=0,
        ceiling={"nDCG@10": ceiling},
        reference="retriever",
    )


GOOD = fitted(0.2, 0.9, 0.95)


@pytest.mark.parametrize(
    ("base", "served"),
    [
        (fitted(0.5, 0.6, 0.7), "base + mix"),
        (fitted(0.5, 0.7, 0.6), "base"),
        (fitted(0.7, 0.5, 0.6, weight=0.0), "retriever"),
        (fitted(0.6, 0.6, 0.6), "retriever"),
        (fitted(0.5, 0.6, 0.6), "base"),
        (None, "retriever"),
    ],
)
@pytest.mark.parametrize("outcome", ["no evidence", "worse"])
def test_what_is_not_better_gives_the_best_on_validation_from_before(
    base: RankMix | None, served: str, outcome: str
) -> None:
    serving = choose_serving(verdict(outcome), contestants(base, GOOD))
    assert (serving.name, serving.forced) == (served, False)


def test_the_figures_it_was_chosen_by_are_kept() -> None:
    assert choose_serving(verdict("worse"), contestants(fitted(0.5, 0.6, 0.7), GOOD)).validation == {
        "retriever": 0.5,
        "base": 0.6,
        "base + mix": 0.7,
    }
    assert choose_serving(verdict("worse"), contestants(None, GOOD)).validation == {"retriever": 0.2}


@pytest.mark.parametrize("force", [False, True])
def test_what_is_better_is_served_and_nothing_needs_forcing(force: bool) -> None:
    serving = choose_serving(verdict("better"), contestants(fitted(0.99, 0.99, 0.99), GOOD), force)
    assert (serving.name, serving.forced) == ("tuned + mix", False)


@pytest.mark.parametrize(("weight", "served"), [(0.5, "tuned + mix"), (0.0, "tuned")])
def test_force_serves_the_tuned_model_and_not_the_order_that_a_mix_of_nothing_keeps(weight: float, served: str) -> None:
    tuned = contestants(fitted(0.9, 0.9, 0.9), fitted(0.2, 0.3, 0.1, weight))
    serving = choose_serving(verdict("worse"), tuned, force=True)
    assert (serving.name, serving.forced) == (served, True)


def test_the_retrievers_order_is_served_without_loading_or_scoring() -> None:
    serving = Serving("retriever", False, {"retriever": 0.5})
    engine: Any = SimpleNamespace(contract=TextContract(), device=None)
    served = reranker_to_serve(serving, contestants(fitted(0.5, 0.4, 0.4), GOOD), engine, top_n=2)
    nodes = [
        NodeWithScore(node=TextNode(id_=name, text=name), score=score)
        for name, score in zip("abc", (3.0, 2.0, 1.0), strict=True)
    ]
    assert [each.node.node_id for each in served.postprocess_nodes(nodes, query_str="b")] == ["a", "b"]
    assert (served.model, served.scorer.name) == ("stub", "the retriever's order")


def warned(said: Verdict, serving: Serving, alarms: Sequence[Any] = (), ceiling: float = 1.0) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RerankTunerWarning)
        warn_if_not_better(said, serving, benchmark(ceiling), alarms)
    return [str(each.message) for each in caught]


def test_the_warning_has_the_figures_the_limit_what_is_served_and_what_to_try() -> None:
    serving = Serving("base + mix", False, {"retriever": 0.5, "base": 0.61, "base + mix": 0.7})
    found = verdict("no evidence", smallest_detectable=0.0345)
    (said,) = warned(found, serving, [ALARM])
    assert "+0.0100 [-0.0200, +0.0400] against retriever" in said
    assert "0.0345" in said
    assert said == (
        f"Tuning is not proven better (no evidence). {found.reason}. TuneResult.reranker is the base model mixed with "
        "the retriever's rank, the best on validation of what was there before (nDCG@10: retriever 0.5000, base "
        f"0.6100, base + mix 0.7000). {headroom(benchmark(1.0)).advice} To try: mend what training raised an alarm "
        "about (flipped labels); more labelled questions, or a stronger base model."
    )


def test_the_warning_says_where_the_limit_is_unknown_and_where_it_was_overridden() -> None:
    (said,) = warned(verdict("worse"), Serving("tuned", True, {"retriever": 0.5}))
    assert "The smallest difference that this test could have shown cannot be told" in said
    assert "TuneResult.reranker is the tuned model all the same, as force=True asks" in said


def test_without_a_base_the_retriever_is_no_best_of_several() -> None:
    (said,) = warned(verdict("worse"), Serving("retriever", False, {"retriever": 0.5}))
    assert "is the retriever's order, which was there before (nDCG@10: retriever 0.5000)." in said


def test_what_is_better_is_no_reason_to_warn() -> None:
    assert warned(verdict("better"), Serving("tuned + mix", False, {"retriever": 0.5})) == []


@pytest.mark.parametrize(
    ("said", "alarms", "tries"),
    [
        (verdict("worse"), [], ["check the labels (dataset.audit()), or lower the learning rate"]),
        (verdict("no evidence", too_small=True), [], ["test on more questions, from more source documents"]),
        (verdict("no evidence"), [ALARM, ALARM], ["mend what training raised an alarm about (flipped labels)"]),
        (verdict("no evidence"), [], []),
    ],
)
def test_what_to_try_follows_from_what_was_seen(said: Verdict, alarms: list[Any], tries: list[str]) -> None:
    assert what_to_try(said, alarms) == [*tries, "more labelled questions, or a stronger base model"]


@pytest.mark.parametrize(
    ("ceiling", "said"), [(1.0, "There is room for a better reranker"), (0.52, "Improve retrieval")]
)
def test_the_warning_tells_how_much_the_candidates_allow(ceiling: float, said: str) -> None:
    assert said in warned(verdict("worse"), Serving("retriever", False, {"retriever": 0.5}), ceiling=ceiling)[0]


def test_what_is_served_is_said_in_words() -> None:
    assert served_in_words(Serving("retriever", False, {})) == "the retriever's order"
    assert served_in_words(Serving("tuned", True, {})) == "the tuned model, forced although not proven better"
