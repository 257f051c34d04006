"""The guard that asks a stronger model: a teacher's scores tell unlabelled positives."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, ScoreError
from llama_index_rerank_tuner.mining.guards.guard import KEEP, Decision
from llama_index_rerank_tuner.protocols import Scorer
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from llama_index_rerank_tuner.dataset import RerankDataset

CACHED_PAIRS = 100_000


class TeacherGuard:
    """Drops candidates that a teacher scores nearly as high as a positive, and flags those close under that line.

    A teacher gives logits, which may be negative, so NV-Retriever's rule (keep a negative under 95 % of the positive's
    score, made for similarities) is applied to the sigmoid of the logit: 0.95 of a probability always is less. Where
    the positive's logit is far below 0, the line is 0.05 under it; where it is far above, it is 2.9. Of several
    positives the lowest-scoring one counts.

    All new pairs of a question go to the teacher in one call.

    Args:
        scorer: The teacher: called with query and passage texts, gives logits.
        share: Highest share of the positive's probability, over 0 and at most 1.
        margin: Least distance to the positive's logit; both rules hold.
        threshold: Probability from which on a candidate is dropped whatever the positive's score; None for no such
            rule, because most rerankers' probabilities are not calibrated.
        band: Logits under the line within which a candidate is flagged; 0 for no flags.

    Raises:
        ConfigError: A setting is out of its range.

    Example:
        >>> class Length:
        ...     name = "length"
        ...     def __call__(self, pairs):
        ...         return np.array([float(len(passage)) for _, passage in pairs])
        >>> guard = TeacherGuard(Length(), margin=2.0, band=2.0)
        >>> example = RerankExample("q", "What fee?", (Passage("12345"),))
        >>> [each.outcome for each in guard.decide(example, [Passage("1234"), Passage("12"), Passage("")])]
        ['drop', 'flag', 'keep']
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        share: float = 0.95,
        margin: float = 0.0,
        threshold: float | None = None,
        band: float = 1.0,
    ) -> None:
        if not 0 < share <= 1:
            raise ConfigError(f"share must be over 0 and at most 1, got {share!r}.")
        if threshold is not None and not 0 < threshold < 1:
            raise ConfigError(f"threshold must be a probability between 0 and 1, or None, got {threshold!r}.")
        for setting, number in (("margin", margin), ("band", band)):
            if not 0 <= number < float("inf"):
                raise ConfigError(f"{setting} must be 0 or more logits, got {number!r}.")
        self.share, self.margin, self.threshold, self.band = share, margin, threshold, band
        self._scorer = scorer
        self._scores: OrderedDict[tuple[str, str], float] = OrderedDict()

    @property
    def name(self) -> str:
        """Name for reports: the teacher's."""
        return f"teacher {self._scorer.name}"

    def prepare(self, dataset: RerankDataset, nodes: Sequence[BaseNode]) -> None:
        """Nothing to learn: the teacher knows."""

    def decide(self, example: RerankExample, candidates: Sequence[Passage]) -> list[Decision]:
        """Drop what the teacher takes for relevant.

        Raises:
            ScoreError: The teacher gave a NaN or infinite score, or another number of scores than it got pairs.
        """
        if not candidates:
            return []
        texts = [passage.text for passage in (*example.positives, *candidates)]
        scores, count = self.scores(example.query, texts), len(example.positives)
        line = self._line(scores[:count])
        return [self._decision(score, line) for score in scores[count:].tolist()]

    def scores(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """The teacher's logits, from memory where it gave them before: ``n`` texts in, shape ``(n,)`` out.

        Raises:
            ScoreError: A score is NaN or infinite, or their number is wrong.
        """
        pairs = [(query, text) for text in texts]
        known = {pair: self._scores[pair] for pair in pairs if pair in self._scores}
        new = [pair for pair in dict.fromkeys(pairs) if pair not in known]
        known.update(zip(new, self._ask(new), strict=True))
        self._remember(known, new)
        return np.array([known[pair] for pair in pairs], dtype=np.float64)

    def _ask(self, pairs: list[tuple[str, str]]) -> list[float]:
        if not pairs:
            return []
        scored = np.asarray(self._scorer(pairs), dtype=np.float64).reshape(-1)
        if len(scored) != len(pairs) or not np.isfinite(scored).all():
            raise ScoreError(
                f"The teacher {self._scorer.name} gave {len(scored)} scores ({int(np.isfinite(scored).sum())} finite) "
                f"for {len(pairs)} pairs. Expected one finite logit a pair: check the model."
            )
        return [float(score) for score in scored]

    def _remember(self, known: dict[tuple[str, str], float], new: Sequence[tuple[str, str]]) -> None:
        self._scores.update((pair, known[pair]) for pair in new)
        while len(self._scores) > CACHED_PAIRS:
            self._scores.popitem(last=False)

    def _line(self, positives: NDArray[np.float64]) -> float:
        """The logit from which on a candidate is dropped."""
        lines = [_logit(self.threshold)] if self.threshold is not None else []
        if len(positives):
            lowest = float(positives.min())
            lines += [lowest - self.margin, _share_of_probability(lowest, self.share)]
        return min(lines, default=float("inf"))

    def _decision(self, score: float, line: float) -> Decision:
        if score >= line:
            return Decision("drop", "teacher scores it like a positive")
        if score >= line - self.band:
            return Decision("flag", "teacher scores it close to a positive")
        return KEEP


def _logit(probability: float) -> float:
    return float(np.log(probability) - np.log1p(-probability))


def _share_of_probability(logit: float, share: float) -> float:
    """The logit whose sigmoid is a share of another logit's sigmoid."""
    # log(share * sigmoid(x)) and log(1 - share * sigmoid(x)), exact also where the sigmoid is 0 or 1 in floating point.
    log_share = np.log(share) - np.logaddexp(0.0, -logit)
    log_rest = np.logaddexp(0.0, np.log1p(-share) + logit) if share < 1 else 0.0
    return float(log_share - (log_rest - np.logaddexp(0.0, logit)))
