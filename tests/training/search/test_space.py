"""Where a search looks, and what a trial's number of negatives makes of the training data."""

from __future__ import annotations

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.training import FinetuneConfig
from llama_index_rerank_tuner.training.search import SearchSpace
from llama_index_rerank_tuner.training.search.space import with_negatives

DATA = RerankDataset.from_records(
    [
        {
            "query": f"question {number}",
            "pos": [f"answer {number}"],
            "neg": [f"{number} wrong {each}" for each in "abcd"],
        }
        for number in range(30)
    ]
)


def texts(dataset: RerankDataset) -> list[set[str]]:
    return [{passage.text for passage in example.negatives} for example in dataset]


@pytest.mark.parametrize(
    "bounds",
    [
        {"learning_rate": (1e-4, 1e-5)},
        {"epochs": (0, 2)},
        {"negatives": (3, 1)},
        {"learning_rate": (1e-5, float("inf"))},
    ],
)
def test_bounds_that_cannot_work_are_refused(bounds: dict[str, tuple[float, float]]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(bounds))} must be two positive numbers, the lower first"):
        SearchSpace(**bounds)  # type: ignore[arg-type]


def test_a_loss_that_does_not_exist_is_refused_before_any_training() -> None:
    with pytest.raises(ConfigError, match="'hinge'"):
        SearchSpace(losses=("bce", "hinge"))
    with pytest.raises(ConfigError, match="losses must name at least one"):
        SearchSpace(losses=())


def test_negatives_go_no_further_than_the_data() -> None:
    assert SearchSpace().over(DATA).negatives == (2, 4)
    assert SearchSpace(negatives=(1, 9)).over(DATA).negatives == (1, 4)
    assert SearchSpace(negatives=(7, 9)).over(DATA).negatives == (4, 4)


def test_the_first_trial_is_the_configuration_within_the_bounds() -> None:
    space = SearchSpace(learning_rate=(1e-5, 1e-3), epochs=(1, 5), losses=("lambda", "bce")).over(DATA)
    assert space.start(FinetuneConfig(learning_rate=4e-5, epochs=2, loss="bce")) == {
        "learning_rate": 4e-5, "epochs": 2, "loss": "bce", "negatives_per_query": 4,
    }  # fmt: skip
    beyond = space.start(FinetuneConfig(learning_rate=5e-2, epochs=8, loss="ranknet"))
    assert (beyond["learning_rate"], beyond["epochs"], beyond["loss"]) == (1e-3, 5, "lambda")


def test_fewer_negatives_are_among_more_of_them_and_keep_their_order() -> None:
    two, three = with_negatives(DATA, 2, seed=0), with_negatives(DATA, 3, seed=0)
    assert all(len(few) == 2 and few < more for few, more in zip(texts(two), texts(three), strict=True))
    for example in three:
        assert [p.text for p in example.negatives] == sorted(p.text for p in example.negatives)


def test_each_question_draws_its_own_negatives_by_the_seed() -> None:
    drawn = texts(with_negatives(DATA, 1, seed=0))
    assert drawn == texts(with_negatives(DATA, 1, seed=0))
    assert drawn != texts(with_negatives(DATA, 1, seed=1))
    assert {text[-1] for one in drawn for text in one} == set("abcd")


def test_enough_negatives_leave_the_data_as_it_is() -> None:
    assert with_negatives(DATA, 4, seed=0) == DATA
