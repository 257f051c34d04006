"""Fitting a calibration on scored validation questions, and measuring it on those it was not fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.reranking.calibration import Calibration
from llama_index_rerank_tuner.reranking.folds import folds_over_groups
from llama_index_rerank_tuner.reranking.mixing import ScoredList

THRESHOLDS = (0.01, 0.02, *(round(step * 0.05, 2) for step in range(1, 20)), 0.98, 0.99)
BINS = 10
STEPS = 100
_SHRINKAGE = 1e-6
"""Keeps the fit of logits that separate the labels, or are all equal, finite."""

Floats = NDArray[np.float64]


def fit_calibration(
    lists: Sequence[ScoredList], retriever: str | None = None, folds: int = 5, seed: int = 0
) -> Calibration:
    """Fit slope and bias on every candidate of the validation questions, by maximum likelihood.

    A passage without a label counts as not relevant, so where labels are sparse the probabilities are too low. The
    labels are smoothed by their counts (Platt 1999), so a perfect reranker gets no infinite slope. The
    evidence and the table of thresholds come from probabilities that each question got from the other folds.

    Args:
        lists: Scored validation questions.
        retriever: Name of the retriever whose candidates they are.
        folds: Number of folds; fewer where there are fewer groups.
        seed: Shuffles the groups.

    Raises:
        DataError: There are under two groups, or the candidates hold no relevant or no other passage.
        ConfigError: There are under two folds.

    Example:
        >>> rng, lists = np.random.default_rng(0), []
        >>> for i in range(300):
        ...     logits = rng.normal(size=10)
        ...     relevant = {str(k): 1 for k in range(10) if rng.random() < 1 / (1 + np.exp(3 - 2 * logits[k]))}
        ...     lists.append(ScoredList(str(i), str(i), tuple("0123456789"), logits, relevant))
        >>> fitted = fit_calibration(lists)
        >>> round(fitted.slope), round(fitted.bias)
        (2, -3)
    """
    _check_labels(lists)
    grounds = _logits(lists), _labels(lists)
    question = np.repeat(np.arange(len(lists)), [len(each.scores) for each in lists])
    out_of_fold = np.empty(len(question))
    for fitted, judged in folds_over_groups([each.group for each in lists], "calibration", folds, seed):
        there, here = fitted[question], judged[question]
        out_of_fold[here] = _platt(grounds[0][there], grounds[1][there]).probabilities(grounds[0][here])
    whole = _platt(*grounds)
    evidence = {
        "questions": len(lists),
        "groups": len({each.group for each in lists}),
        "passages": len(question),
        "relevant": int(grounds[1].sum()),
        "retriever": retriever,
        "log loss, out of fold": log_loss(out_of_fold, grounds[1]),
        "log loss, sigmoid of the logit": log_loss(Calibration(1.0, 0.0).probabilities(grounds[0]), grounds[1]),
        "log loss, same chance for all": log_loss(np.full(len(question), grounds[1].mean()), grounds[1]),
        "expected calibration error, out of fold": calibration_error(out_of_fold, grounds[1]),
    }
    return Calibration(whole.slope, whole.bias, threshold_table(out_of_fold, grounds[1], question), evidence)


def log_loss(chances: Floats, labels: Floats) -> float:
    """Mean negative log-likelihood of ``n`` labels (0 or 1), in nats; a chance counts as at least 1e-12."""
    of_the_label = np.where(labels > 0, chances, 1 - chances)
    return float(-np.log(np.maximum(of_the_label, 1e-12)).mean())


def calibration_error(chances: Floats, labels: Floats, bins: int = BINS) -> float:
    """Expected calibration error over bins of equally many passages (Nguyen and O'Connor 2015).

    Args:
        chances: Probabilities of ``n`` passages.
        labels: 0 or 1 each.
        bins: Number of bins.

    Example:
        >>> calibration_error(np.array([0.2, 0.2, 0.9, 0.9]), np.array([0.0, 0.0, 1.0, 1.0]), bins=2)
        0.15
    """
    order = np.argsort(chances, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(chances[part].mean() - labels[part].mean()) * len(part) for part in parts]
    return round(float(sum(gaps) / len(chances)), 12)


def threshold_table(chances: Floats, labels: Floats, question: NDArray[np.int64]) -> list[Mapping[str, float]]:
    """How the passages fare that reach each threshold; thresholds that keep none are left out.

    Args:
        chances: Probabilities of ``n`` passages.
        labels: 0 or 1 each.
        question: Question that each belongs to.
    """
    rows: list[Mapping[str, float]] = []
    questions = len(np.unique(question))
    for threshold in THRESHOLDS:
        kept = chances >= threshold
        if kept.any():
            rows.append(
                {
                    "threshold": threshold,
                    "kept": int(kept.sum()),
                    "precision": float(labels[kept].mean()),
                    "recall": float(labels[kept].sum() / labels.sum()),
                    "abstained": 1 - len(np.unique(question[kept])) / questions,
                }
            )
    return rows


def _logits(lists: Sequence[ScoredList]) -> Floats:
    return np.concatenate([np.asarray(each.scores, dtype=np.float64) for each in lists])


def _labels(lists: Sequence[ScoredList]) -> Floats:
    return np.array([float(each.qrels.get(key, 0) > 0) for each in lists for key in each.keys])


def _check_labels(lists: Sequence[ScoredList]) -> None:
    labels = _labels(lists)
    for found, what in ((labels.sum(), "relevant"), ((1 - labels).sum(), "not relevant")):
        if not found:
            raise DataError(
                "calibration",
                f"of the {len(labels)} candidates of {len(lists)} validation questions none is {what}",
                "Retrieve deeper, or label more questions.",
            )


def _platt(logits: Floats, labels: Floats) -> Calibration:
    """Slope and bias of the largest likelihood, by Newton's method with halved steps (Lin, Lin and Weng 2007)."""
    if not len(logits):
        return Calibration(0.0, 0.0)
    centre, spread = logits.mean(), logits.std() or 1.0
    features = np.stack([(logits - centre) / spread, np.ones(len(logits))])
    positives = labels.sum()
    targets = np.where(labels > 0, (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2))
    weights = _newton(features, targets)
    if weights[0] < 0:  # scores that rank the wrong way round tell nothing: the same chance for all
        weights = np.array([0.0, np.log(targets.mean() / (1 - targets.mean()))])
    return Calibration(float(weights[0] / spread), float(weights[1] - weights[0] * centre / spread))


def _newton(features: Floats, targets: Floats) -> Floats:
    weights, loss = np.zeros(2), _loss(features, targets, np.zeros(2))
    for _ in range(STEPS):
        chances = Calibration(1.0, 0.0).probabilities(weights @ features)
        gradient = features @ (chances - targets) + _SHRINKAGE * weights
        curvature = (features * (chances * (1 - chances))) @ features.T + _SHRINKAGE * np.eye(2)
        step, share = np.linalg.solve(curvature, gradient), 1.0
        while _loss(features, targets, weights - share * step) > loss and share > 1e-10:
            share /= 2
        weights = weights - share * step
        before, loss = loss, _loss(features, targets, weights)
        if before - loss <= 1e-12 * max(1.0, before):
            break
    return weights


def _loss(features: Floats, targets: Floats, weights: Floats) -> float:
    odds = weights @ features
    return float((np.logaddexp(0.0, odds) - targets * odds).sum() + _SHRINKAGE / 2 * weights @ weights)
