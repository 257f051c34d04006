"""The guard set: a few bundled questions of another subject, to see whether a model forgets what it knew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset import RerankDataset, load_guide_zh, load_handbook
from llama_index_rerank_tuner.records import Passage, RerankExample

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

logger = logging.getLogger(__name__)
GUARD_QUESTIONS = 24
GUARD_LIST = 6
MOST_UNKNOWN = 0.2


def guard_examples(
    training: Iterable[RerankExample], readable: Callable[[Sequence[str]], bool] | None = None
) -> list[RerankExample]:
    """Questions from the bundled handbook and guide, as far as they are another subject than the training data.

    24 questions of each, over lists of six: the answer, passages of the same family, and some of others. The same
    every time.

    Args:
        training: The training questions; a bundled set that any of them shares a passage with is left out.
        readable: Whether the model knows the words of some texts (``reads``); None takes it that it does.

    Returns:
        The questions; empty where every bundled set is left out.

    Example:
        >>> questions = guard_examples([])
        >>> len(questions), len(questions[0].positives), len(questions[0].negatives)
        (48, 1, 5)
    """
    known = {passage.text for example in training for passage in (*example.positives, *example.negatives)}
    chosen: list[RerankExample] = []
    for load in (load_handbook, load_guide_zh):
        bundled = load()
        questions = [_listed(each, bundled, index) for index, each in enumerate(_spread(bundled.examples))]
        if any(passage.text in known for passage in bundled.corpus):
            logger.info("Guard set: %s is left out, the training data shares its passages.", load.__name__)
        elif readable is not None and not readable([example.query for example in questions]):
            logger.info("Guard set: %s is left out, the model does not know its words.", load.__name__)
        else:
            chosen += questions
    return chosen


def reads(model: CrossEncoder) -> Callable[[Sequence[str]], bool]:
    """Whether a model's word list covers texts: at most a fifth of their tokens are unknown to it."""

    def covered(texts: Sequence[str]) -> bool:
        unknown = getattr(model.tokenizer, "unk_token_id", None)
        ids = list(chain.from_iterable(model.tokenizer(list(texts), verbose=False)["input_ids"]))
        return unknown is None or ids.count(unknown) <= MOST_UNKNOWN * len(ids)

    return covered


def _spread(examples: Sequence[RerankExample]) -> list[RerankExample]:
    """Questions with one answer, taken at even distances so that they come from many families."""
    single = sorted((each for each in examples if len(each.positives) == 1), key=lambda each: each.query_id)
    return [single[index * len(single) // GUARD_QUESTIONS] for index in range(GUARD_QUESTIONS)]


def _listed(example: RerankExample, bundled: RerankDataset, turn: int) -> RerankExample:
    """The question with its answer's family as negatives, filled up with passages that differ from turn to turn."""
    answer = example.positives[0]
    others = [passage for passage in bundled.corpus if passage.key != answer.key]
    family = [passage for passage in others if passage.group == example.group]
    strangers = [passage for passage in others if passage.group != example.group]
    start = turn * GUARD_LIST % len(strangers)
    negatives: Iterable[Passage] = islice(chain(family, strangers[start:], strangers), GUARD_LIST - 1)
    return replace(example, negatives=tuple(negatives), candidates=None)
