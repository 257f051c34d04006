"""``Selection``: which of the candidates become negatives, and how many."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.mining.sampling import Sampling
from llama_index_rerank_tuner.records import Retrieved


@dataclass(frozen=True, slots=True)
class Selection:
    """How a question's negatives are selected from its candidates. Every default has its reason beside it.

    Args:
        negatives_per_query: Negatives a question gets, judged ones counted in. 5: with one positive a list of 6, which
            a CPU trains on in bearable time; gains flatten soon after.
        ratio: Negatives for each positive, instead of ``negatives_per_query``; None, because most questions have one or
            two positives, and lists of equal length train best.
        random_negatives: How many of them are drawn at random; more where retrieval finds too few. 1, so that the model
            keeps knowing what is plainly irrelevant.
        skip_top: Candidates that stand at these first ranks in any source are left out. 0, because the guards look at
            each candidate, while a rank says little; without guards, 3 to 10 lets fewer false negatives through.
        depth: Window: the first ``depth`` usable candidates, by their best rank in any source (with shares, by their
            rank in each). 30: a usual depth of reranking, so negatives are what the reranker will meet.
        score_window: Source to its lowest and highest score, None for no bound. Empty, because scores have no common
            scale.
        sampling: ``uniform`` over the window, because unlabelled positives are most common at its very top (RocketQA,
            Qu et al. 2021, section 3.2, found about 70 % of the unlabelled top to be relevant); ``log_rank`` prefers
            the top; ``hardest`` takes only it, which needs guards.
        distinct: A negative that is as similar as this to another one of the question (Jaccard of shingles, 0 to 1) is
            not taken. None compares nothing; 0.8 is right for a corpus with repeated passages.

    Raises:
        ConfigError: A value cannot work.

    Example:
        >>> Selection(ratio=2.5).wanted(positives=2)
        5
    """

    negatives_per_query: int = 5
    ratio: float | None = None
    random_negatives: int = 1
    skip_top: int = 0
    depth: int = 30
    score_window: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    sampling: Sampling = "uniform"
    distinct: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.random_negatives <= self.negatives_per_query or self.depth < 1:
            raise ConfigError(
                "Expected 0 <= random_negatives <= negatives_per_query and top_k (depth) of at least 1, got "
                f"{self.random_negatives}, {self.negatives_per_query} and {self.depth}."
            )
        if self.skip_top < 0:
            raise ConfigError(f"skip_top must be at least 0, got {self.skip_top}.")
        if self.ratio is not None and not 0 < self.ratio < math.inf:
            raise ConfigError(f"ratio must be a positive number, got {self.ratio}.")
        if self.sampling not in get_args(Sampling):
            raise ConfigError(f"sampling must be one of {', '.join(get_args(Sampling))}, got {self.sampling!r}.")
        if self.distinct is not None and not 0 < self.distinct <= 1:
            raise ConfigError(f"distinct must be over 0 and at most 1, or None, got {self.distinct}.")
        for source, bounds in self.score_window.items():
            _check_bounds(source, bounds)

    def wanted(self, positives: int) -> int:
        """Negatives that a question with so many positives gets."""
        return self.negatives_per_query if self.ratio is None else max(1, round(self.ratio * positives))

    def refusal(self, places: Mapping[str, Retrieved]) -> str | None:
        """Why a candidate is outside the rank or score window; None when it is not."""
        if self.skip_top and min(place.rank for place in places.values()) <= self.skip_top:
            return f"among the first {self.skip_top}"
        for source, (low, high) in self.score_window.items():
            score = places[source].score if source in places else None
            if score is not None and ((low is not None and score < low) or (high is not None and score > high)):
                return f"outside the score window of {source}"
        return None


def tutorial_recipe(neg_count: int = 5) -> Selection:
    """The recipe of the reranker tutorials: ``neg_count - 1`` negatives from the top of BM25 and one at random.

    Use it with one retriever, ``BM25JiebaRetriever``, and with ``guards=()`` for the tutorials' very negatives: the top
    is where unlabelled positives are, and the default guards keep some of them out.

    Example:
        >>> tutorial_recipe().sampling, tutorial_recipe().random_negatives
        ('hardest', 1)
    """
    return Selection(negatives_per_query=neg_count, random_negatives=1, sampling="hardest")


def _check_bounds(source: str, bounds: Any) -> None:
    try:
        low, high = bounds
        wrong = low is not None and high is not None and not low <= high
    except (TypeError, ValueError):
        wrong = True
    if wrong:
        raise ConfigError(f"score_window[{source!r}] must be (lowest, highest), None for no bound, got {bounds!r}.")
