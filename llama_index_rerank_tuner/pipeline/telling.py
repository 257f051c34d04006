"""What is said where tuning is not proven better: the figures, what is served instead, and what to try."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index_rerank_tuner.errors import RerankTunerWarning
from llama_index_rerank_tuner.evaluation import BenchmarkResult, Verdict
from llama_index_rerank_tuner.evaluation.headroom import headroom
from llama_index_rerank_tuner.pipeline.serving import IN_WORDS, Serving
from llama_index_rerank_tuner.reranking.mixing import METRIC


def warn_if_not_better(
    verdict: Verdict,
    serving: Serving,
    benchmark: BenchmarkResult,
    alarms: Sequence[Mapping[str, Any]],
    stacklevel: int = 2,
) -> None:
    """Warn unless the verdict is ``better``.

    Args:
        verdict: On the tuned model with its mix.
        serving: What is served.
        benchmark: Every contestant's scores.
        alarms: Those of the training, as its report has them.
        stacklevel: Frames up to the caller to blame.
    """
    if verdict.outcome == "better":
        return
    parts = [
        f"Tuning is not proven better ({verdict.outcome})",
        verdict.reason,
        *_unknown_limit(verdict),
        _served(serving),
        headroom(benchmark, METRIC).advice.removesuffix("."),
        "To try: " + "; ".join(what_to_try(verdict, alarms)),
    ]
    warnings.warn(". ".join(parts) + ".", RerankTunerWarning, stacklevel=stacklevel + 1)


def what_to_try(verdict: Verdict, alarms: Sequence[Mapping[str, Any]]) -> list[str]:
    """What may help, the likeliest cause first.

    Args:
        verdict: One that is not ``better``.
        alarms: Those of the training, as its report has them.

    Example:
        >>> what_to_try(Verdict("worse", "tuned", "nDCG@10", {}), [])[0]
        'check the labels (dataset.audit()), or lower the learning rate'
    """
    tries = [f"mend what training raised an alarm about ({name})" for name in dict.fromkeys(a["name"] for a in alarms)]
    if verdict.outcome == "worse":
        tries.append("check the labels (dataset.audit()), or lower the learning rate")
    if verdict.too_small:
        tries.append("test on more questions, from more source documents")
    return [*tries, "more labelled questions, or a stronger base model"]


def served_in_words(serving: Serving) -> str:
    """What is served, for a report.

    Example:
        >>> served_in_words(Serving("tuned + mix", forced=True, validation={}))
        "the tuned model mixed with the retriever's rank, forced although not proven better"
    """
    return IN_WORDS[serving.name] + (", forced although not proven better" if serving.forced else "")


def _unknown_limit(verdict: Verdict) -> list[str]:
    if verdict.smallest_detectable is not None:
        return []
    return ["The smallest difference that this test could have shown cannot be told, for too few documents differ"]


def _served(serving: Serving) -> str:
    if serving.forced:
        return (
            f"TuneResult.reranker is {IN_WORDS[serving.name]} all the same, as force=True asks; the checkpoint says so"
        )
    figures = ", ".join(f"{name} {score:.4f}" for name, score in serving.validation.items())
    best = (
        "the best on validation of what was there before" if len(serving.validation) > 1 else "which was there before"
    )
    return f"TuneResult.reranker is {IN_WORDS[serving.name]}, {best} ({METRIC}: {figures})"
