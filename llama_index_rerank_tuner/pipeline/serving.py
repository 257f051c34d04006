"""What is served: the tuned reranker where it is proven better, else the best of what was there before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.evaluation import RETRIEVER, Verdict
from llama_index_rerank_tuner.pipeline.contestants import BASE, BASE_MIX, TUNED, TUNED_MIX
from llama_index_rerank_tuner.reranking import FinetunedRerank, RankMix
from llama_index_rerank_tuner.reranking.mixing import METRIC
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine

IN_WORDS = {
    RETRIEVER: "the retriever's order",
    BASE: "the base model",
    BASE_MIX: "the base model mixed with the retriever's rank",
    TUNED: "the tuned model",
    TUNED_MIX: "the tuned model mixed with the retriever's rank",
}


@dataclass(frozen=True, slots=True)
class Serving:
    """Which contestant is served, and why.

    Args:
        name: The contestant.
        forced: Whether it is the tuned one although it was not proven better, because that was asked for.
        validation: nDCG@10 on validation of what was there before tuning, by contestant; the mix's is out of fold.
    """

    name: str
    forced: bool
    validation: Mapping[str, float]


def choose_serving(verdict: Verdict, rerankers: Mapping[str, FinetunedRerank], force: bool = False) -> Serving:
    """Obey the verdict: what is not better is not served, unless it is forced.

    In its place comes the best on validation of the retriever's order, the base model, and the base model with its mix;
    of equals the first, which is the cheaper one. The test set has no part in that choice, or its figures for what is
    served would flatter.

    Args:
        verdict: On the tuned model with its mix.
        rerankers: The contestants.
        force: Serve the tuned model whatever the verdict.
    """
    validation = scores_before(rerankers)
    if verdict.outcome == "better":
        return Serving(TUNED_MIX, False, validation)
    if force:
        mix = rerankers[TUNED_MIX].mix
        return Serving(TUNED_MIX if mix is not None and mix.weight > 0 else TUNED, True, validation)
    return Serving(max(validation, key=lambda name: validation[name]), False, validation)


def scores_before(rerankers: Mapping[str, FinetunedRerank]) -> dict[str, float]:
    """nDCG@10 on validation of what there was before tuning, as fitting the mix found it.

    Where there is no base model, because its head was new and had no warm start, that is the retriever's order alone.
    """
    has_base = BASE_MIX in rerankers
    mix = rerankers[BASE_MIX if has_base else TUNED_MIX].mix
    evidence = mix.evidence if mix is not None else {}
    known = {RETRIEVER: "retriever"}
    if has_base:
        known |= {BASE: "reranker alone", BASE_MIX: "mixed, out of fold"}
    return {name: float(evidence[f"{METRIC} {stored}"]) for name, stored in known.items()}


def reranker_to_serve(
    serving: Serving, rerankers: Mapping[str, FinetunedRerank], engine: CrossEncoderFinetuneEngine, top_n: int
) -> FinetunedRerank:
    """The postprocessor for the app; the retriever's order costs no scoring.

    Args:
        serving: What is served.
        rerankers: The contestants.
        engine: Who trained.
        top_n: Nodes it returns.
    """
    if serving.name == RETRIEVER:
        model = rerankers[BASE if BASE in rerankers else TUNED].model
        return FinetunedRerank(model, top_n, mix=RankMix(0.0), contract=engine.contract, scorer=RetrieverOrder())
    chosen = rerankers[serving.name]
    return FinetunedRerank(chosen.model, top_n, mix=chosen.mix, contract=engine.contract, device=engine.device)


class RetrieverOrder:
    """Scores every pair alike, so that the retriever's order stays.

    Example:
        >>> RetrieverOrder()([("q", "a"), ("q", "b")])
        array([0., 0.])
    """

    name = "the retriever's order"

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Zeros, shape ``(len(pairs),)``."""
        return np.zeros(len(pairs))
