"""Where a search looks: learning rate, epochs, loss, and negatives for a question."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.training.settings.config import FinetuneConfig

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Bounds of a search; a pair of equal bounds settles that setting.

    Args:
        learning_rate: Lowest and highest peak learning rate; drawn on a log scale.
        epochs: Fewest and most passes over the data.
        losses: Names of the losses to try.
        negatives: Fewest and most negatives for a training question; None goes from 2 to as many as the data has.

    Raises:
        ConfigError: A pair of bounds is upside down or not positive, or no loss is named.

    Example:
        >>> SearchSpace(epochs=(3, 1))
        Traceback (most recent call last):
        ...
        llama_index_rerank_tuner.errors.ConfigError: epochs must be two positive numbers, the lower first, got (3, 1).
    """

    learning_rate: tuple[float, float] = (1e-5, 2e-4)
    epochs: tuple[int, int] = (1, 5)
    losses: tuple[str, ...] = ("cross_entropy", "bce", "lambda")
    negatives: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name in ("learning_rate", "epochs", "negatives"):
            bounds = getattr(self, name)
            if bounds is not None and not (len(bounds) == 2 and 0 < bounds[0] <= bounds[1] < float("inf")):
                raise ConfigError(f"{name} must be two positive numbers, the lower first, got {bounds}.")
        if not self.losses:
            raise ConfigError("losses must name at least one loss, for example ('cross_entropy', 'bce').")
        for loss in self.losses:
            FinetuneConfig().overridden(loss=loss)

    def over(self, dataset: RerankDataset) -> SearchSpace:
        """The space with the bounds on negatives that the training data allows."""
        most = max((len(example.negatives) for example in dataset), default=0)
        if most == 0:
            return replace(self, negatives=(1, 1))
        low, high = self.negatives or (2, most)
        return replace(self, negatives=(min(low, most), min(high, most)))

    def distributions(self) -> dict[str, BaseDistribution]:
        """The space for optuna, once ``over`` has settled the bounds on negatives."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        fewest, most = self.negatives or (1, 1)
        return {
            "learning_rate": FloatDistribution(*self.learning_rate, log=True),
            "epochs": IntDistribution(*self.epochs),
            "loss": CategoricalDistribution(self.losses),
            "negatives_per_query": IntDistribution(fewest, most),
        }

    def start(self, config: FinetuneConfig) -> dict[str, Any]:
        """The first trial: what the configuration says, brought within the bounds, with all the negatives.

        A search that begins at the settings in use cannot end below them.

        Example:
            >>> SearchSpace(losses=("bce",)).over(RerankDataset.from_records([
            ...     {"query": "Who may apply?", "pos": ["Small firms."], "neg": ["The form is AP-2.", "Cats."]},
            ... ])).start(FinetuneConfig(learning_rate=4e-5, epochs=9))
            {'learning_rate': 4e-05, 'epochs': 5, 'loss': 'bce', 'negatives_per_query': 2}
        """
        low, high = self.learning_rate
        return {
            "learning_rate": _within(config.learning_rate, self.learning_rate, (low * high) ** 0.5),
            "epochs": _within(config.epochs, self.epochs, sum(self.epochs) // 2),
            "loss": config.loss if config.loss in self.losses else self.losses[0],
            "negatives_per_query": (self.negatives or (1, 1))[1],
        }


def with_negatives(dataset: RerankDataset, count: int, seed: int) -> RerankDataset:
    """The data set with at most ``count`` negatives for each question.

    They are drawn, so that each source of negatives keeps its share; what fewer negatives keep, more of them keep too.

    Example:
        >>> dataset = RerankDataset.from_records([
        ...     {"query": "Who may apply?", "pos": ["Small firms."], "neg": ["The form is AP-2.", "Fees.", "Cats."]},
        ... ])
        >>> [len(with_negatives(dataset, count, seed=0)[0].negatives) for count in (1, 2, 5)]
        [1, 2, 3]
    """
    return dataset.with_examples(_limited(example, count, seed) for example in dataset)


def _limited(example: RerankExample, count: int, seed: int) -> RerankExample:
    if len(example.negatives) <= count:
        return example
    order = list(range(len(example.negatives)))
    random.Random(f"{seed} {example.query_id}").shuffle(order)
    kept = sorted(order[:count])
    return replace(example, negatives=tuple(example.negatives[index] for index in kept))


def _within(value: Any, bounds: tuple[Any, Any], otherwise: Any) -> Any:
    """The value brought within its bounds; ``otherwise`` where the configuration leaves it to the data."""
    return min(max(value, bounds[0]), bounds[1]) if isinstance(value, int | float) else otherwise
